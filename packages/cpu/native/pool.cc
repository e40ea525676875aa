#include "pool.h"

#include <algorithm>
#include <chrono>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace ss {
namespace {

/** How long a helper looks for the next run before it sleeps; waking it again takes tens of microseconds. */
constexpr std::chrono::microseconds kSpin{50};

void Relax() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

Pool::Pool(int threads) {
  helpers_.reserve(static_cast<size_t>(std::max(threads - 1, 0)));
  for (int thread = 1; thread < threads; thread++) helpers_.emplace_back([this, thread] { Help(thread); });
}

Pool::~Pool() {
  ending_.store(true);
  {
    std::lock_guard lock(sleep_);
    round_.fetch_add(1);
  }
  wake_.notify_all();
  for (std::thread& helper : helpers_) helper.join();
}

void Pool::Run(int64_t units, bool alone, const std::function<void(int, int64_t)>& work) {
  if (units <= 0) return;
  failed_unit_ = -1;
  failed_ = nullptr;
  units_ = units;
  work_ = &work;
  // Small enough to even out, large enough that taking one costs nothing.
  chunk_ = std::max<int64_t>(1, units / (threads() * 8));
  next_.store(0);
  if (alone || helpers_.empty() || units == 1) {
    Work(0);
  } else {
    busy_.store(static_cast<int>(helpers_.size()));
    round_.fetch_add(1);
    if (asleep_.load() > 0) {
      { std::lock_guard lock(sleep_); }
      wake_.notify_all();
    }
    Work(0);
    while (busy_.load(std::memory_order_acquire) > 0) Relax();
  }
  if (failed_) std::rethrow_exception(failed_);
}

void Pool::Work(int thread) {
  for (;;) {
    const int64_t begin = next_.fetch_add(chunk_, std::memory_order_relaxed);
    if (begin >= units_) return;
    const int64_t end = std::min(begin + chunk_, units_);
    for (int64_t unit = begin; unit < end; unit++) {
      try {
        (*work_)(thread, unit);
      } catch (...) {
        std::lock_guard lock(failure_);
        if (failed_unit_ < 0 || unit < failed_unit_) {
          failed_unit_ = unit;
          failed_ = std::current_exception();
        }
      }
    }
  }
}

void Pool::Help(int thread) {
  uint64_t seen = 0;
  for (;;) {
    const auto until = std::chrono::steady_clock::now() + kSpin;
    for (int turn = 0; round_.load(std::memory_order_acquire) == seen; turn++) {
      Relax();
      if (turn % 64 != 63 || std::chrono::steady_clock::now() < until) continue;
      std::unique_lock lock(sleep_);
      asleep_.fetch_add(1);
      wake_.wait(lock, [&] { return round_.load() != seen; });
      asleep_.fetch_sub(1);
    }
    seen++;
    if (ending_.load()) return;
    Work(thread);
    busy_.fetch_sub(1, std::memory_order_release);
  }
}

}  // namespace ss
