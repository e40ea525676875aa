// Draws one id per row: penalty, temperature, top-k, top-p, min-p, then the inverse of the cumulated distribution,
// most probable first. What decides is computed in f64; the candidates always are the head of one ranking.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/sample.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

#include "ranking-inl.h"

#ifndef SS_SAMPLE_
#define SS_SAMPLE_
namespace ss {

struct Rules {
  double temperature, top_p, min_p, penalty;
  /** 0 keeps all. */
  size_t top_k;
};

}  // namespace ss
#endif

HWY_BEFORE_NAMESPACE();
namespace ss {
namespace HWY_NAMESPACE {

/** Sum of e^((x - most) cooling) over a row, in f64. */
double TotalWeight(const float* row, size_t count, double most, double cooling) {
  const hn::ScalableTag<double> d;
  const hn::Rebind<float, decltype(d)> narrow;
  const size_t lanes = hn::Lanes(d);
  const auto shift = hn::Set(d, most), factor = hn::Set(d, cooling);
  auto a = hn::Zero(d), b = hn::Zero(d);
  const auto weigh = [&](auto x) HWY_ATTR {
    return ExpOfNegative(d, hn::Mul(hn::Sub(hn::PromoteTo(d, x), shift), factor));
  };
  size_t i = 0;
  for (; i + 2 * lanes <= count; i += 2 * lanes) {
    a = hn::Add(a, weigh(hn::LoadU(narrow, row + i)));
    b = hn::Add(b, weigh(hn::LoadU(narrow, row + i + lanes)));
  }
  double sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(a, b)));
  for (; i < count; i++) sum += hn::GetLane(weigh(hn::Set(narrow, row[i])));
  return sum;
}

/** The row as f32. @returns log(sum exp) of it, which is finite where the row has a distribution */
double LoadLogits(const RowArg& logits, size_t count, float* row) {
  LogSumExp total;
  for (size_t v = 0; v < count; v += kLogitsBlock) {
    const size_t block = HWY_MIN(kLogitsBlock, count - v);
    LoadRow(logits.at + static_cast<int64_t>(v) * logits.step, logits.step, logits.dtype, block, row + v);
    total.Add(row + v, block);
  }
  return total.Value();
}

/** The largest of all, and the lowest id among those. */
Candidate BestOf(const Draw& draw) {
  const float most = Largest(draw.row, draw.count);
  Candidate best = {most, 0};
  if (most != kNone) best.id = static_cast<uint32_t>(FirstOf(draw.row, draw.count, most));
  for (size_t i = 0; i < draw.apart_count; i++) best = std::min(best, draw.apart[i]);
  return best;
}

uint32_t DrawId(const Draw& draw, const Rules& rules) {
  const Candidate best = BestOf(draw);
  // Nothing but the largest counts, or the penalty left nothing finite to tell the ids apart.
  if (rules.temperature == 0 || !std::isfinite(best.value)) return best.id;

  Ranking ranking(draw, best.value, rules.temperature);
  size_t kept = draw.count;
  double total = 0;
  if (rules.top_k > 0 && rules.top_k < kept) {
    size_t i = 0;
    for (; i < rules.top_k && ranking.Has(i); i++) total += ranking.WeightAt(i);
    kept = i;
  } else if (rules.top_p < 1 || rules.min_p == 0) {
    const double cooling = std::min(1 / rules.temperature, std::numeric_limits<double>::max());
    total = TotalWeight(draw.row, draw.count, best.value, cooling);
    for (size_t i = 0; i < draw.apart_count; i++)
      total += std::exp((draw.apart[i].value - best.value) / rules.temperature);
  }
  if (rules.top_p < 1) {
    const double wanted = rules.top_p * total;
    total = 0;
    size_t i = 0;
    for (; i < kept && total < wanted && ranking.Has(i); i++) total += ranking.WeightAt(i);
    kept = i;
  }
  if (rules.min_p > 0) {
    total = 0;
    size_t i = 0;
    for (; i < kept && ranking.Has(i) && ranking.WeightAt(i) >= rules.min_p; i++) total += ranking.WeightAt(i);
    kept = i;
  }
  const double threshold = draw.uniform * total;
  double cumulated = 0;
  for (size_t i = 0; i < kept && ranking.Has(i); i++) {
    cumulated += ranking.WeightAt(i);
    if (cumulated > threshold) return ranking.IdAt(i);
  }
  return best.id;
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

HWY_EXPORT(LoadLogits);
HWY_EXPORT(DrawId);

enum SampleArg { kLogits, kUniform, kRecentIds, kIds, kLogProbs };
enum SampleOption { kTemperature, kTopK, kTopP, kMinP, kRepetitionPenalty, kVocabulary };
enum SampleSize { kR, kV, kH };

/** What a thread works in, one behind the other. */
struct SampleScratch {
  size_t list, weights, apart, row, ids, bytes;

  explicit SampleScratch(const Call& call) {
    const size_t V = PaddedRow(call.Size(kV));
    list = 0;
    weights = list + 2 * V * sizeof(uint64_t);
    apart = weights + V * sizeof(double);
    row = apart + static_cast<size_t>(call.Size(kH)) * sizeof(Candidate);
    ids = row + V * sizeof(float);
    bytes = ids + V * sizeof(uint32_t);
  }
};

Assessment AssessSample(const Call& call) {
  Assessment assessment;
  assessment.refusal = UnsupportedDType(call, kLogits, kNarrowFloats);
  if (!assessment.refusal.code.empty()) return assessment;
  const double elements = static_cast<double>(call.Size(kR) * call.Size(kV));
  assessment.bitwise = true;
  assessment.own_scratch = SampleScratch(call).bytes;
  assessment.flops = 30 * elements;
  assessment.bytes = elements * static_cast<double>(BytesOf(call[kLogits].dtype));
  return assessment;
}

/**
 * Takes the recent ids out of a row, with their penalty: a positive logit is divided, a negative one multiplied, once
 * for each id.
 * @returns how many were put into `apart`
 */
size_t Penalise(const Arg& recent, int64_t r, int64_t H, int64_t V, double penalty, Draw& draw) {
  size_t count = 0;
  for (int64_t h = 0; h < H; h++) {
    const int32_t id = *reinterpret_cast<const int32_t*>(recent.data + r * recent.Step(0) + h * recent.Step(1));
    if (id >= V) {
      throw std::runtime_error("recent id " + std::to_string(id) + " in row " + std::to_string(r) + " is outside " +
                               std::to_string(V) + " logits");
    }
    if (id < 0 || static_cast<size_t>(id) >= draw.count || penalty == 1) continue;
    float& place = draw.row[id];
    const double logit = static_cast<double>(place);
    // One that was met before is gone, and -infinity stays what it is.
    place = -std::numeric_limits<float>::infinity();
    if (logit == static_cast<double>(place)) continue;
    draw.apart[count++] = {logit > 0 ? logit / penalty : logit * penalty, static_cast<uint32_t>(id)};
  }
  return count;
}

std::vector<Phase> PlanSample(const Call& call) {
  const int64_t R = call.Size(kR), V = call.Size(kV), H = call[kRecentIds] ? call.Size(kH) : 0;
  const size_t count = static_cast<size_t>(call.Option(kVocabulary));
  const Rules rules = {call.Option(kTemperature), call.Option(kTopP), call.Option(kMinP),
                       call.Option(kRepetitionPenalty),
                       // Whatever is larger than any vocabulary is no limit.
                       static_cast<size_t>(std::min(call.Option(kTopK), 0x1p32))};
  const SampleScratch layout(call);
  const Arg logits = call[kLogits], uniform = call[kUniform], recent = call[kRecentIds], ids = call[kIds],
            log_probs = call[kLogProbs];
  return {{R, 2.5 * static_cast<double>(R) * static_cast<double>(count), [=](const Scratch& scratch, int64_t r) {
             Draw draw = {reinterpret_cast<float*>(scratch.own + layout.row),
                          count,
                          reinterpret_cast<Candidate*>(scratch.own + layout.apart),
                          0,
                          static_cast<double>(*reinterpret_cast<const float*>(uniform.data + r * uniform.Step(0))),
                          reinterpret_cast<uint64_t*>(scratch.own + layout.list),
                          reinterpret_cast<double*>(scratch.own + layout.weights),
                          reinterpret_cast<uint32_t*>(scratch.own + layout.ids)};
             const RowArg row = {logits.data + r * logits.Step(0), logits.Step(1), logits.dtype};
             const double total = HWY_DYNAMIC_DISPATCH(LoadLogits)(row, count, draw.row);
             draw.apart_count = Penalise(recent, r, H, V, rules.penalty, draw);
             int32_t& drawn_id = *reinterpret_cast<int32_t*>(ids.data + r * ids.Step(0));
             float& log_prob = *reinterpret_cast<float*>(log_probs.data + r * log_probs.Step(0));
             if (!std::isfinite(total)) {
               drawn_id = -1;
               log_prob = std::numeric_limits<float>::quiet_NaN();
               return;
             }
             const uint32_t id = HWY_DYNAMIC_DISPATCH(DrawId)(draw, rules);
             RowArg drawn = row;
             drawn.at += static_cast<int64_t>(id) * row.step;
             // As it was given, without penalty.
             HWY_DYNAMIC_DISPATCH(LoadLogits)(drawn, 1, draw.row);
             drawn_id = static_cast<int32_t>(id);
             log_prob = static_cast<float>(static_cast<double>(draw.row[0]) - total);
           }}};
}

}  // namespace

Op Sample() {
  return {"sample",
          {"logits", "uniform", "recentIds"},
          {"ids", "logProbs"},
          {"temperature", "topK", "topP", "minP", "repetitionPenalty", "vocabulary"},
          {"R", "V", "H"},
          AssessSample,
          PlanSample};
}

}  // namespace ss
#endif
