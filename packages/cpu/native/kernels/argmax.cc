// The id of the largest logit of each row, the lowest among equals; -1 where one is NaN.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/argmax.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

#include "logits-inl.h"

#ifndef SS_ARGMAX_
#define SS_ARGMAX_
namespace ss {

/** The best of a slice of a row; id 0 where all are -infinity, -1 where one is NaN. */
struct Best {
  float value;
  int32_t id;
};

}  // namespace ss
#endif

HWY_BEFORE_NAMESPACE();
namespace ss {
namespace HWY_NAMESPACE {

Best BestOf(const RowArg& logits, int64_t begin, int64_t end) {
  HWY_ALIGN float buffer[kLogitsBlock];
  Best best = {kNone, 0};
  for (; begin < end; begin += kLogitsBlock) {
    const size_t count = HWY_MIN(kLogitsBlock, static_cast<size_t>(end - begin));
    const float* x = Floats({logits.at + begin * logits.step, logits.step, logits.dtype}, count, buffer);
    if (HasNaN(x, count)) return {kNone, -1};
    const float largest = Largest(x, count);
    if (largest > best.value) best = {largest, static_cast<int32_t>(begin + static_cast<int64_t>(FirstOf(x, count, largest)))};
  }
  return best;
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace ss
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "../ops.h"

namespace ss {
namespace {

HWY_EXPORT(BestOf);

enum ArgmaxArg { kLogits, kIds };
enum ArgmaxSize { kR, kV };

/** Logits that one unit looks at. */
constexpr int64_t kSlice = 16384;

struct Cut {
  int64_t R, vocabulary, slices;

  explicit Cut(const Call& call)
      : R(call.Size(kR)),
        vocabulary(static_cast<int64_t>(call.Option(0))),
        slices((vocabulary + kSlice - 1) / kSlice) {}
};

Assessment AssessArgmax(const Call& call) {
  Assessment assessment;
  assessment.refusal = UnsupportedDType(call, kLogits, kNarrowFloats);
  if (!assessment.refusal.code.empty()) return assessment;
  const Cut cut(call);
  assessment.bitwise = true;
  assessment.shared_scratch = static_cast<size_t>(cut.R * cut.slices) * sizeof(Best);
  assessment.flops = static_cast<double>(cut.R * cut.vocabulary);
  assessment.bytes = assessment.flops * static_cast<double>(BytesOf(call[kLogits].dtype));
  return assessment;
}

std::vector<Phase> PlanArgmax(const Call& call) {
  const Cut cut(call);
  const Arg logits = call[kLogits], ids = call[kIds];
  Phase slices = {cut.R * cut.slices, 0.15 * static_cast<double>(cut.R * cut.vocabulary),
                  [=](const Scratch& scratch, int64_t unit) {
                    const int64_t row = unit / cut.slices, begin = unit % cut.slices * kSlice;
                    reinterpret_cast<Best*>(scratch.shared)[unit] = HWY_DYNAMIC_DISPATCH(BestOf)(
                        {logits.data + row * logits.Step(0), logits.Step(1), logits.dtype}, begin,
                        std::min(begin + kSlice, cut.vocabulary));
                  }};
  Phase rows = {1, static_cast<double>(cut.R * cut.slices), [=](const Scratch& scratch, int64_t) {
                  const Best* best = reinterpret_cast<const Best*>(scratch.shared);
                  for (int64_t row = 0; row < cut.R; row++) {
                    Best of_row = {-std::numeric_limits<float>::infinity(), 0};
                    bool numbers = true;
                    for (int64_t slice = 0; slice < cut.slices; slice++, best++) {
                      numbers = numbers && best->id >= 0;
                      if (best->value > of_row.value) of_row = *best;
                    }
                    *reinterpret_cast<int32_t*>(ids.data + row * ids.Step(0)) = numbers ? of_row.id : -1;
                  }
                }};
  return {std::move(slices), std::move(rows)};
}

}  // namespace

Op Argmax() { return {"argmax", {"logits"}, {"ids"}, {"vocabulary"}, {"R", "V"}, AssessArgmax, PlanArgmax}; }

}  // namespace ss
#endif
