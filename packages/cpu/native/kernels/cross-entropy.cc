// loss = log(sum exp(logits)) - logits[target], and dlogits = (softmax(logits) - onehot(target)) dloss.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cross-entropy.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

#include "logits-inl.h"

HWY_BEFORE_NAMESPACE();
namespace ss {
namespace HWY_NAMESPACE {

float Loss(const RowArg& logits, size_t V, int32_t target) {
  HWY_ALIGN float buffer[kLogitsBlock];
  LogSumExp total;
  for (size_t v = 0; v < V; v += kLogitsBlock) {
    const size_t count = HWY_MIN(kLogitsBlock, V - v);
    total.Add(Floats({logits.at + static_cast<int64_t>(v) * logits.step, logits.step, logits.dtype}, count, buffer),
              count);
  }
  const float picked = LoadFloat(logits.at + target * logits.step, logits.dtype);
  return static_cast<float>(total.Value() - static_cast<double>(picked));
}

/** @param scratch a row of f32; a negative target gives zeros */
void LossGradient(const RowArg& logits, size_t V, int32_t target, float dloss, const RowArg& dlogits, float* scratch) {
  const F32 d;
  float* to = Target(dlogits, scratch);
  if (target < 0) {
    std::memset(to, 0, V * sizeof(float));
  } else {
    const float* x = Floats(logits, V, scratch);
    const double sum = Exponentials(x, V, Largest(x, V), to);
    const double exponential = static_cast<double>(to[target]);
    const auto scale = hn::Set(d, static_cast<float>(static_cast<double>(dloss) / sum));
    ForLanes(V, to, [&](auto load) HWY_ATTR { return hn::Mul(load(to), scale); });
    to[target] = static_cast<float>((exponential / sum - 1) * static_cast<double>(dloss));
  }
  Finish(dlogits, V, to);
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace ss
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <stdexcept>

#include "../ops.h"

namespace ss {
namespace {

HWY_EXPORT(Loss);
HWY_EXPORT(LossGradient);

enum LossArg { kLogits, kTargets, kLoss, kDloss = 2, kDlogits };
enum LossSize { kR, kV };

template <class Element>
Element& At(const Arg& arg, int64_t row) {
  return *reinterpret_cast<Element*>(arg.data + row * arg.Step(0));
}

RowArg RowOf(const Arg& arg, int64_t row) { return {arg.data + row * arg.Step(0), arg.Step(1), arg.dtype}; }

/** The target of a row; below 0 when it has none. */
int32_t TargetOf(const Arg& targets, int64_t row, int64_t V) {
  const int32_t target = At<int32_t>(targets, row);
  if (target < V) return target;
  throw std::runtime_error("target " + std::to_string(target) + " in row " + std::to_string(row) + " is outside " +
                           std::to_string(V) + " logits");
}

Assessment AssessLogits(const Call& call) {
  Assessment assessment;
  assessment.refusal = UnsupportedDType(call, kLogits, kNarrowFloats);
  if (!assessment.refusal.code.empty()) return assessment;
  const double elements = static_cast<double>(call.Size(kR) * call.Size(kV));
  assessment.bitwise = true;
  assessment.flops = 10 * elements;
  assessment.bytes = elements * static_cast<double>(BytesOf(call[kLogits].dtype));
  return assessment;
}

Assessment AssessLossGradient(const Call& call) {
  Assessment assessment = AssessLogits(call);
  if (!assessment.refusal.code.empty()) return assessment;
  assessment.own_scratch = PaddedRow(call.Size(kV)) * sizeof(float);
  assessment.bytes *= 2;
  return assessment;
}

std::vector<Phase> PlanLoss(const Call& call) {
  const int64_t R = call.Size(kR), V = call.Size(kV), block = RowsOfUnit(V);
  const Arg logits = call[kLogits], targets = call[kTargets], loss = call[kLoss];
  return {{(R + block - 1) / block, 0.5 * static_cast<double>(R * V), [=](const Scratch&, int64_t unit) {
             for (int64_t row = unit * block; row < std::min(R, (unit + 1) * block); row++) {
               const int32_t target = TargetOf(targets, row, V);
               At<float>(loss, row) =
                   target < 0 ? 0
                              : HWY_DYNAMIC_DISPATCH(Loss)(RowOf(logits, row), static_cast<size_t>(V), target);
             }
           }}};
}

std::vector<Phase> PlanLossGradient(const Call& call) {
  const int64_t R = call.Size(kR), V = call.Size(kV), block = RowsOfUnit(V);
  const Arg logits = call[kLogits], targets = call[kTargets], dloss = call[kDloss], dlogits = call[kDlogits];
  return {{(R + block - 1) / block, 0.7 * static_cast<double>(R * V), [=](const Scratch& scratch, int64_t unit) {
             for (int64_t row = unit * block; row < std::min(R, (unit + 1) * block); row++) {
               HWY_DYNAMIC_DISPATCH(LossGradient)
               (RowOf(logits, row), static_cast<size_t>(V), TargetOf(targets, row, V), At<float>(dloss, row),
                RowOf(dlogits, row), reinterpret_cast<float*>(scratch.own));
             }
           }}};
}

}  // namespace

Op CrossEntropy() {
  return {"crossEntropy", {"logits", "targets"}, {"loss"}, {}, {"R", "V"}, AssessLogits, PlanLoss};
}

Op CrossEntropyBackward() {
  return {"crossEntropyBackward", {"logits", "targets", "dloss"}, {"dlogits"},     {}, {"R", "V"},
          AssessLossGradient,     PlanLossGradient};
}

}  // namespace ss
#endif
