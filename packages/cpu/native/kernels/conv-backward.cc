#include "conv-backward.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/conv-backward.cc"
#include "hwy/foreach_target.h"
// After foreach_target.
#include "activation-inl.h"
#include "blocks-inl.h"

/*
 * With the padded input p = [initial state, x] in the order of the walk, s_t = bias + sum_k w_k p_{t+k} and
 * ds_t = dy_t silu'(s_t), one pass over time with rings of the last W columns of p and ds gives
 * dp_t = sum_k w_k ds_{t-k}, dw_k = sum_t ds_t p_{t+k} and dbias = sum_t ds_t. The final state is the tail of p, so
 * its cotangent is added there; the head of dp is the gradient of the initial state.
 */

HWY_BEFORE_NAMESPACE();
namespace ss {
namespace HWY_NAMESPACE {

/** Time steps between what is worked on and what is fetched. */
inline constexpr int64_t kConvAhead = 8;

/** A span of channels of one sequence, and where its scratch is: rows of kConvGradientSpan. */
struct ConvSpan {
  Sequence sequence;
  int64_t channel, count, vectors;
  /** Rings of W columns. */
  float *p, *ds;
  /** [k] */
  float *weights, *dweights;
  float *bias, *dbias, *dy, *row;
};

/**
 * The rows of one step: p_t to p_{t+W-1}, and ds_t to ds_{t-W+1}, of which those from `first` to `end` exist; what is
 * fetched for later ones.
 */
struct ConvWindow {
  const float** p;
  float** ds;
  int64_t first, end;
  const char* ahead[3];
};

/**
 * ds_t out of dy_t, what it adds to dw and dbias, and dp_t onto `row`; kW is W, or 0 where it is not known or where some
 * ds do not exist: what is absent adds nothing, not even to an infinite weight.
 */
template <int kW, bool kSilu>
HWY_INLINE void GradientRow(const ConvSpan& s, const ConvWindow& window, int64_t W, const float* dy, const float* onto,
                            float* row) {
  const F32 d;
  const int64_t lanes = LaneCount(), columns = kW ? kW : W;
  const int64_t first = kW ? 0 : window.first, end = kW ? kW : window.end;
  const DecayConstants constants = MakeDecayConstants();
  for (int64_t c = 0; c < s.vectors * lanes; c += lanes) {
    for (const char* ahead : window.ahead) __builtin_prefetch(ahead + c * static_cast<int64_t>(sizeof(float)), 0, 2);
    VF g = hn::LoadU(d, dy + c);
    if (kSilu) {
      VF sum = hn::Load(d, s.bias + c);
      for (int64_t k = 0; k < columns; k++)
        sum = hn::MulAdd(hn::Load(d, s.weights + k * kConvGradientSpan + c), hn::LoadU(d, window.p[k] + c), sum);
      g = hn::Mul(g, SiluAndSlopeOf(constants, sum).slope);
    }
    hn::Store(g, d, window.ds[0] + c);
    hn::Store(hn::Add(hn::Load(d, s.dbias + c), g), d, s.dbias + c);
    for (int64_t k = 0; k < columns; k++) {
      float* sum = s.dweights + k * kConvGradientSpan + c;
      hn::Store(hn::MulAdd(g, hn::LoadU(d, window.p[k] + c), hn::Load(d, sum)), d, sum);
    }
    VF dp = hn::LoadU(d, onto + c);
    for (int64_t k = first; k < end; k++)
      dp = hn::MulAdd(hn::Load(d, s.weights + k * kConvGradientSpan + c), hn::Load(d, window.ds[k] + c), dp);
    hn::StoreU(dp, d, row + c);
  }
}

template <bool kSilu>
HWY_NOINLINE void GradientStep(const ConvSpan& s, const ConvWindow& window, int64_t W, const float* dy, const float* onto,
                               float* row) {
  const bool all = window.first == 0 && window.end == W;
  switch (all ? W : 0) {
    case 2: return GradientRow<2, kSilu>(s, window, W, dy, onto, row);
    case 3: return GradientRow<3, kSilu>(s, window, W, dy, onto, row);
    case 4: return GradientRow<4, kSilu>(s, window, W, dy, onto, row);
    default: return GradientRow<0, kSilu>(s, window, W, dy, onto, row);
  }
}

void WalkSpan(const ConvBackwardTask& task, const ConvSpan& s, const ConvWindow& window, char* shared) {
  const ConvTask& conv = task.conv;
  const int64_t W = conv.W, past = W - 1, length = s.sequence.length, b = s.sequence.row;
  const size_t count = static_cast<size_t>(s.count);
  const auto time = [&](int64_t t) { return s.sequence.first + (conv.reverse ? length - 1 - t : t); };
  const auto column = [&](const View<3>& view, int64_t t, float* buffer) {
    return Widened(view.At(b, time(t), s.channel), view.steps[2], view.dtype, s.count, buffer);
  };
  for (int64_t k = 0; k < W; k++)
    LoadRow(conv.weight.At(s.channel, k), conv.weight.steps[0], conv.weight.dtype, count, s.weights + k * kConvGradientSpan);
  if (conv.bias) LoadRow(conv.bias.At(s.channel), conv.bias.steps[0], conv.bias.dtype, count, s.bias);
  // The windows in front of the first step: they move on before each. Without history the columns are zeros.
  for (int64_t k = 0; k < W; k++) {
    float* const from = s.p + k * kConvGradientSpan;
    window.p[k] = from;
    window.ds[k] = s.ds + k * kConvGradientSpan;
    if (k > 0 && conv.before)
      LoadRow(conv.before.At(s.sequence.slot, k - 1, s.channel), conv.before.steps[2], conv.before.dtype, count, from);
  }
  const float* const zeros = s.row + kConvGradientSpan;
  int64_t oldest = 0;
  for (int64_t t = 0; t < length + past; t++) {
    float* const now = window.ds[past];
    for (int64_t k = past; k > 0; k--) window.ds[k] = window.ds[k - 1];
    window.ds[0] = now;
    const float* dy = zeros;
    const float* onto = zeros;
    if (t < length) {
      for (int64_t k = 0; k < past; k++) window.p[k] = window.p[k + 1];
      window.p[past] = column(conv.x, t, s.p + oldest * kConvGradientSpan);
      oldest = oldest == past ? 0 : oldest + 1;
      dy = column(task.dy, t, s.dy);
    } else {
      for (int64_t k = 0; k < W; k++) window.p[k] = zeros;
    }
    if (t >= length && task.dafter) {
      LoadRow(task.dafter.At(s.sequence.index, t - length, s.channel), task.dafter.steps[2], task.dafter.dtype, count, s.row);
      onto = s.row;
    }
    ConvWindow step = window;
    step.first = std::max<int64_t>(0, t - length + 1);
    step.end = std::min(W, t + 1);
    const int64_t later = time(std::min(t + kConvAhead, length - 1));
    step.ahead[0] = conv.x.At(b, later, s.channel);
    step.ahead[1] = task.dy.At(b, later, s.channel);
    step.ahead[2] = task.dx.At(b, later, s.channel);
    char* const dx = t < past ? nullptr : task.dx.At(b, time(t - past), s.channel);
    const bool whole = dx && IsWhole(task.dx.steps[2], task.dx.dtype, s.count);
    float* const row = whole ? reinterpret_cast<float*>(dx) : s.row;
    // Beyond the last step there is no slope, and ds is zero.
    if (conv.silu && t < length) GradientStep<true>(s, step, W, dy, onto, row);
    else GradientStep<false>(s, step, W, dy, onto, row);
    if (whole) continue;
    if (dx) StoreRow(s.row, count, dx, task.dx.steps[2], task.dx.dtype);
    else if (task.by_slot) std::memcpy(task.dstate.At(shared, s.sequence.index, t) + s.channel, s.row, count * sizeof(float));
    else if (task.dbefore)
      StoreRow(s.row, count, task.dbefore.At(s.sequence.index, t, s.channel), task.dbefore.steps[2], task.dbefore.dtype);
  }
}

/** One unit: a span of channels of one sequence. */
void ConvBackwardUnit(const ConvBackwardTask& task, int64_t unit, const Scratch& scratch) {
  const ConvTask& conv = task.conv;
  const int64_t spans = (conv.D + kConvGradientSpan - 1) / kConvGradientSpan;
  ConvSpan s;
  s.sequence = conv.sequences[unit / spans];
  s.channel = unit % spans * kConvGradientSpan;
  s.count = std::min(kConvGradientSpan, conv.D - s.channel);
  s.vectors = VectorsOf(s.count);
  float* free = reinterpret_cast<float*>(scratch.own);
  const auto take = [&free](int64_t rows) {
    float* taken = free;
    free += rows * kConvGradientSpan;
    return taken;
  };
  for (float** rows : {&s.p, &s.ds, &s.weights, &s.dweights}) *rows = take(conv.W);
  for (float** row : {&s.bias, &s.dbias, &s.dy, &s.row}) *row = take(1);
  take(1);
  // Lanes beyond `count` see zeros everywhere and stay zero; the row behind the last one stays zero altogether.
  Clear(s.p, (4 * conv.W + 5) * kConvGradientSpan);
  ConvWindow window = {};
  window.p = reinterpret_cast<const float**>(free);
  window.ds = reinterpret_cast<float**>(free) + conv.W;
  if (s.sequence.slot >= 0) {
    WalkSpan(task, s, window, scratch.shared);
  } else {
    for (int64_t t = 0; t < s.sequence.length; t++)
      StoreRow(s.row, static_cast<size_t>(s.count), task.dx.At(s.sequence.row, s.sequence.first + t, s.channel),
               task.dx.steps[2], task.dx.dtype);
  }
  const size_t bytes = static_cast<size_t>(s.count) * sizeof(float);
  for (int64_t i = 0; i < conv.W; i++)
    std::memcpy(task.dweight.At(scratch.shared, s.sequence.index, i) + s.channel, s.dweights + i * kConvGradientSpan, bytes);
  if (task.dbias.count) std::memcpy(task.dbias.At(scratch.shared, s.sequence.index, 0) + s.channel, s.dbias, bytes);
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace ss
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ss {

HWY_EXPORT(ConvBackwardUnit);

size_t ConvBackwardScratch(int64_t W) {
  const size_t pointers = 2 * static_cast<size_t>(W) * sizeof(float*);
  return static_cast<size_t>((4 * W + 5) * kConvGradientSpan) * sizeof(float) + pointers;
}

void AddConvBackward(std::vector<Phase>& phases, const ConvBackwardTask& task) {
  const ConvTask& conv = task.conv;
  const int64_t spans = (conv.D + kConvGradientSpan - 1) / kConvGradientSpan;
  const double elements = static_cast<double>(task.batch * conv.sequences.L * conv.D);
  phases.push_back({conv.sequences.count * spans, elements * static_cast<double>(conv.W + 4) * 0.2,
                    [task](const Scratch& scratch, int64_t unit) {
                      HWY_DYNAMIC_DISPATCH(ConvBackwardUnit)(task, unit, scratch);
                    }});
}

}  // namespace ss
#endif
