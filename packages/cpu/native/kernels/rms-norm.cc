// y = v / sqrt(mean(v^2) + eps) * weight with v = (x + residual) silu(gate), the mean over each group of a row.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/rms-norm.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

#include "math-inl.h"
#include "rows-inl.h"

#ifndef SS_RMS_NORM_
#define SS_RMS_NORM_
namespace ss {

struct Norm {
  enum { x, residual, gate, sum, y, rows };
  size_t K, groups;
  double eps;
  RowArg weight;

  /** Of a thread: rows of x, of what joins it, of the weight, of y. */
  static constexpr size_t kScratchRows = 4;
};

}  // namespace ss
#endif

HWY_BEFORE_NAMESPACE();
namespace ss {
namespace HWY_NAMESPACE {

/** In a fixed order, whatever the layout and the threads. */
HWY_INLINE float SumOfSquares(const float* x, size_t count) {
  const F32 d;
  const size_t lanes = hn::Lanes(d);
  auto a = hn::Zero(d), b = hn::Zero(d), c = hn::Zero(d), e = hn::Zero(d);
  size_t i = 0;
  for (; i + 4 * lanes <= count; i += 4 * lanes) {
    const auto xa = hn::LoadU(d, x + i), xb = hn::LoadU(d, x + i + lanes);
    const auto xc = hn::LoadU(d, x + i + 2 * lanes), xe = hn::LoadU(d, x + i + 3 * lanes);
    a = hn::MulAdd(xa, xa, a);
    b = hn::MulAdd(xb, xb, b);
    c = hn::MulAdd(xc, xc, c);
    e = hn::MulAdd(xe, xe, e);
  }
  for (; i + lanes <= count; i += lanes) {
    const auto xa = hn::LoadU(d, x + i);
    a = hn::MulAdd(xa, xa, a);
  }
  if (i < count) {
    const auto xb = LoadFew(d, x + i, count - i);
    b = hn::MulAdd(xb, xb, b);
  }
  return hn::GetLane(hn::SumOfLanes(d, hn::Add(hn::Add(a, b), hn::Add(c, e))));
}

/** @param weight null for ones */
HWY_INLINE void NormGroup(const float* v, const float* weight, float* y, size_t n, double eps) {
  const F32 d;
  const double mean = static_cast<double>(SumOfSquares(v, n)) / static_cast<double>(n);
  const auto scale = hn::Set(d, static_cast<float>(1 / std::sqrt(mean + eps)));
  if (weight != nullptr) {
    ForLanes(n, y, [&](auto load) HWY_ATTR { return hn::Mul(hn::Mul(load(v), scale), load(weight)); });
  } else {
    ForLanes(n, y, [&](auto load) HWY_ATTR { return hn::Mul(load(v), scale); });
  }
}

/** @param scratch four padded rows, the third holding the weight where it is not dense f32 */
void NormRow(const Norm& norm, const RowArg (&rows)[Norm::rows], const float* weight, float* scratch) {
  const F32 d;
  const size_t K = norm.K, padded = PaddedRow(static_cast<int64_t>(K));
  float* const held = scratch;
  float* const other = held + padded;
  const float* v = Floats(rows[Norm::x], K, held);
  if (rows[Norm::residual]) {
    const float* residual = Floats(rows[Norm::residual], K, other);
    float* sum = Target(rows[Norm::sum], held);
    ForLanes(K, sum, [&](auto load) HWY_ATTR { return hn::Add(load(v), load(residual)); });
    Finish(rows[Norm::sum], K, sum);
    v = sum;
  }
  if (rows[Norm::gate]) {
    const float* gate = Floats(rows[Norm::gate], K, other);
    ForLanes(K, held, [&](auto load) HWY_ATTR {
      const auto z = load(gate);
      return hn::Mul(load(v), SiluFrom(d, z, Sigmoid(d, z)));
    });
    v = held;
  }
  float* y = Target(rows[Norm::y], held + 3 * padded);
  const size_t n = K / norm.groups;
  for (size_t k = 0; k < K; k += n) NormGroup(v + k, weight == nullptr ? nullptr : weight + k, y + k, n, norm.eps);
  Finish(rows[Norm::y], K, y);
}

void NormRows(const Norm& norm, const Rows<Norm::rows>& rows, int64_t begin, int64_t end, float* scratch) {
  const float* weight = nullptr;
  if (norm.weight) weight = Floats(norm.weight, norm.K, scratch + 2 * PaddedRow(static_cast<int64_t>(norm.K)));
  RowArg row[Norm::rows];
  for (; begin < end; begin++) {
    rows.At(begin, row);
    NormRow(norm, row, weight, scratch);
  }
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace ss
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "../ops.h"

namespace ss {
namespace {

HWY_EXPORT(NormRows);

enum NormArg { kX, kWeight, kResidual, kGate, kY, kSum };
enum NormOption { kEps, kGroups };
enum NormSize { kR, kK, kG };

Assessment AssessNorm(const Call& call) {
  Assessment assessment;
  for (int arg : {kX, kResidual, kGate, kWeight}) {
    assessment.refusal = UnsupportedDType(call, arg, arg == kWeight ? kFloats : kNarrowFloats);
    if (!assessment.refusal.code.empty()) return assessment;
  }
  const double elements = static_cast<double>(call.Size(kR) * call.Size(kK));
  assessment.bitwise = true;
  assessment.own_scratch = Norm::kScratchRows * PaddedRow(call.Size(kK)) * sizeof(float);
  assessment.flops = 4 * elements;
  for (int arg : {kX, kResidual, kGate, kY, kSum})
    if (call[arg]) assessment.bytes += elements * static_cast<double>(BytesOf(call[arg].dtype));
  return assessment;
}

std::vector<Phase> PlanNorm(const Call& call) {
  const int64_t R = call.Size(kR), K = call.Size(kK);
  Norm norm = {static_cast<size_t>(K), static_cast<size_t>(call.Size(kG)), call.Option(kEps), {}};
  if (call[kWeight]) norm.weight = {call[kWeight].data, call[kWeight].Step(0), call[kWeight].dtype};
  const Rows<Norm::rows> rows(call, {kX, kResidual, kGate, kSum, kY});
  const int64_t block = RowsOfUnit(K);
  const double each = call[kGate] ? 0.8 : 0.3;
  return {{(R + block - 1) / block, each * static_cast<double>(R * K), [=](const Scratch& scratch, int64_t unit) {
             HWY_DYNAMIC_DISPATCH(NormRows)
             (norm, rows, unit * block, std::min(R, (unit + 1) * block), reinterpret_cast<float*>(scratch.own));
           }}};
}

}  // namespace

Op RmsNorm() {
  return {"rmsNorm",         {"x", "weight", "residual", "gate"}, {"y", "sum"}, {"eps", "groups"},
          {"R", "K", "G"}, AssessNorm,                          PlanNorm};
}

}  // namespace ss
#endif
