// What this machine can do, for shares of a limit: f32 multiply-adds in registers, reading memory that is in no
// cache, and the selective scan with nothing around it. Prints one line of JSON.
//
//     limits THREADS
//
// Compiled with -march=native: the vectors below become the widest the processor has.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <thread>
#include <vector>

#if defined(__AVX512F__)
constexpr int kBytes = 64, kAccumulators = 24;
const char* kSimd = "AVX-512";
#elif defined(__AVX2__)
constexpr int kBytes = 32, kAccumulators = 12;
const char* kSimd = "AVX2";
#else
constexpr int kBytes = 16, kAccumulators = 12;
const char* kSimd = "128 bits";
#endif
constexpr int kLanes = kBytes / 4;
typedef float Vec __attribute__((vector_size(kBytes)));
typedef int32_t Int __attribute__((vector_size(kBytes)));

double seconds(const std::function<void()>& body) {
  const auto start = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Of several runs the fastest; every thread does the same.
double best(int threads, int runs, const std::function<void(int)>& body) {
  double least = 1e9;
  for (int run = 0; run < runs; run++) {
    least = std::min(least, seconds([&] {
      std::vector<std::thread> others;
      for (int i = 1; i < threads; i++) others.emplace_back(body, i);
      body(0);
      for (auto& other : others) other.join();
    }));
  }
  return least;
}

Vec load(const float* from) {
  Vec v;
  std::memcpy(&v, from, sizeof v);
  return v;
}

volatile float sink;

void multiplyAdd(long steps) {
  Vec sums[kAccumulators], factor;
  for (int i = 0; i < kLanes; i++) factor[i] = 0.999f;
  for (int i = 0; i < kAccumulators; i++) sums[i] = factor * float(i);
  for (long step = 0; step < steps; step++) {
#pragma GCC unroll 32
    for (int i = 0; i < kAccumulators; i++) sums[i] = sums[i] * factor + factor;
  }
  float total = 0;
  for (const auto& sum : sums) total += sum[0];
  sink = total;
}

void readMemory(const float* from, size_t count) {
  Vec sums[8] = {};
  for (size_t i = 0; i + 8 * kLanes <= count; i += 8 * kLanes) {
#pragma GCC unroll 8
    for (int j = 0; j < 8; j++) sums[j] += load(from + i + j * kLanes);
  }
  Vec total = {};
  for (const auto& sum : sums) total += sum;
  sink = total[0];
}

// 2^x for x <= 0, by a polynomial of degree 6 on [-1/2, 1/2].
inline Vec exp2(Vec x) {
  const Vec shift = Vec{} + 12582912.f;  // 1.5 * 2^23: adding it rounds to an integer
  const Vec low = Vec{} - 126.f;
  x = x < low ? low : x;
  const Vec shifted = x + shift;
  const Vec f = x - (shifted - shift);
  Vec p = f * 1.5403530e-4f + 1.3333558e-3f;
  p = p * f + 9.6181291e-3f;
  p = p * f + 5.5504109e-2f;
  p = p * f + 2.4022651e-1f;
  p = p * f + 6.9314718e-1f;
  p = p * f + 1.f;
  return (Vec)((Int)p + ((Int)shifted << 23));
}

constexpr int kStates = 16;

// h = exp(dt A) h + dt B u, y = C h: lanes are channels, the states of one vector of them stay in registers.
void scan(const float* u, const float* dt, const float* A, const float* B, const float* C, float* y, int L, int D,
          int firstChannel, int endChannel) {
  for (int d = firstChannel; d + kLanes <= endChannel; d += kLanes) {
    Vec h[kStates] = {}, a[kStates];
    for (int n = 0; n < kStates; n++) a[n] = load(A + n * D + d) * 1.44269504f;
    for (int t = 0; t < L; t++) {
      const Vec step = load(dt + (size_t)t * D + d);
      const Vec input = load(u + (size_t)t * D + d) * step;
      Vec sum = {};
#pragma GCC unroll 16
      for (int n = 0; n < kStates; n++) {
        h[n] = exp2(step * a[n]) * h[n] + input * B[t * kStates + n];
        sum += h[n] * C[t * kStates + n];
      }
      std::memcpy(y + (size_t)t * D + d, &sum, sizeof sum);
    }
  }
}

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::max(1, std::atoi(argv[1])) : 1;

  constexpr long steps = 2000000;
  const double multiplying = best(threads, 5, [](int) { multiplyAdd(steps); });
  const double flop = 2.0 * steps * kAccumulators * kLanes * threads;

  const size_t count = size_t(64) << 20;
  std::vector<std::vector<float>> memory;
  for (int i = 0; i < threads; i++) memory.emplace_back(count / threads, 1.f);
  const double reading = best(threads, 5, [&](int i) { readMemory(memory[i].data(), memory[i].size()); });
  memory.clear();

  constexpr int L = 512, D = 1536;
  std::vector<float> u(L * D), dt(L * D), A(kStates * D), B(L * kStates), C(L * kStates), y(L * D);
  const auto random = [] { return std::rand() / float(RAND_MAX); };
  for (auto& x : u) x = random() - 0.5f;
  for (auto& x : dt) x = random() * 0.1f;
  for (auto& x : A) x = -random() * kStates;
  for (auto& x : B) x = random();
  for (auto& x : C) x = random();
  const double scanning = best(threads, 9, [&](int i) {
    const int vectors = D / kLanes;
    scan(u.data(), dt.data(), A.data(), B.data(), C.data(), y.data(), L, D, vectors * i / threads * kLanes,
         vectors * (i + 1) / threads * kLanes);
  });
  sink = y[0];

  std::printf("{\"simd\":\"%s\",\"threads\":%d,\"GFLOP/s\":%.4g,\"GB/s\":%.4g,\"G updates/s\":%.4g}\n", kSimd,
              threads, flop / multiplying / 1e9, count * 4 / reading / 1e9,
              double(L) * D * kStates / scanning / 1e9);
}
