#include "conv-backward.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/conv-backward.cc"
#include "hwy/foreach_target.h"
// After foreach_target.
#include "blocks-inl.h"
#include "decay-inl.h"

/*
 * With the padded input p = [initial state, x] in the order of the walk, s_t = bias + sum_k w_k p_{t+k} and
 * ds_t = dy_t silu'(s_t), one pass over time with rings of the last W columns of p and ds gives
 * dp_t = sum_k w_k ds_{t-k}, dw_k = sum_t ds_t p_{t+k} and dbias = sum_t ds_t. The final state is the tail of p, so
 * its cotangent is added there; the head of dp is the gradient of the initial state.
 */

HWY_BEFORE_NAMESPACE();
namespace ss {
namespace HWY_NAMESPACE {

/** A span of channels of one sequence, and where its scratch is: rows of kConvGradientSpan. */
struct ConvSpan {
  Sequence sequence;
  int64_t channel, count, vectors;
  /** Rings of W columns. */
  float *p, *ds;
  /** [k] */
  float *weights, *dweights;
  float *bias, *dbias, *row;
};

HWY_INLINE const float* RingRow(const float* ring, int64_t column, int64_t W) {
  return ring + column % W * kConvGradientSpan;
}

/** ds_t out of dy_t, and what it adds to dw and dbias. */
HWY_INLINE void SlopeRow(const ConvTask& conv, const ConvSpan& s, int64_t t, float* ds) {
  const F32 d;
  const int64_t lanes = LaneCount(), W = conv.W;
  const DecayConstants k = MakeDecayConstants();
  const VF one = hn::Set(d, 1.0f);
  for (int64_t c = 0; c < s.vectors * lanes; c += lanes) {
    VF g = hn::Load(d, ds + c);
    if (conv.silu) {
      VF sum = hn::Load(d, s.bias + c);
      for (int64_t i = 0; i < W; i++)
        sum = hn::MulAdd(hn::Load(d, s.weights + i * kConvGradientSpan + c), hn::Load(d, RingRow(s.p, t + i, W) + c), sum);
      const VF sigmoid = SigmoidOf(k, sum);
      g = hn::Mul(g, hn::Mul(sigmoid, hn::MulAdd(sum, hn::Sub(one, sigmoid), one)));
      hn::Store(g, d, ds + c);
    }
    hn::Store(hn::Add(hn::Load(d, s.dbias + c), g), d, s.dbias + c);
    for (int64_t i = 0; i < W; i++) {
      float* sum = s.dweights + i * kConvGradientSpan + c;
      hn::Store(hn::MulAdd(g, hn::Load(d, RingRow(s.p, t + i, W) + c), hn::Load(d, sum)), d, sum);
    }
  }
}

/** dp of column t, which no later ds reaches, onto what `row` holds. */
HWY_INLINE void GradientRow(const ConvTask& conv, const ConvSpan& s, int64_t t, float* row) {
  const F32 d;
  const int64_t lanes = LaneCount(), W = conv.W;
  for (int64_t c = 0; c < s.vectors * lanes; c += lanes) {
    VF sum = hn::LoadU(d, row + c);
    for (int64_t i = 0; i < std::min(W, t + 1); i++)
      sum = hn::MulAdd(hn::Load(d, s.weights + i * kConvGradientSpan + c), hn::Load(d, RingRow(s.ds, t - i, W) + c), sum);
    hn::StoreU(sum, d, row + c);
  }
}

void WalkSpan(const ConvBackwardTask& task, const ConvSpan& s, char* shared) {
  const ConvTask& conv = task.conv;
  const int64_t W = conv.W, past = W - 1, length = s.sequence.length;
  const size_t count = static_cast<size_t>(s.count);
  const auto time = [&](int64_t t) { return s.sequence.first + (conv.reverse ? length - 1 - t : t); };
  for (int64_t i = 0; i < W; i++)
    LoadRow(conv.weight.At(s.channel, i), conv.weight.steps[0], conv.weight.dtype, count, s.weights + i * kConvGradientSpan);
  if (conv.bias) LoadRow(conv.bias.At(s.channel), conv.bias.steps[0], conv.bias.dtype, count, s.bias);
  if (conv.before)
    for (int64_t i = 0; i < past; i++)
      LoadRow(conv.before.At(s.sequence.slot, i, s.channel), conv.before.steps[2], conv.before.dtype, count,
              s.p + i * kConvGradientSpan);
  for (int64_t t = 0; t < length + past; t++) {
    float* ds = s.ds + t % W * kConvGradientSpan;
    Clear(s.row, kConvGradientSpan);
    if (t < length) {
      LoadRow(conv.x.At(s.sequence.row, time(t), s.channel), conv.x.steps[2], conv.x.dtype, count,
              s.p + (t + past) % W * kConvGradientSpan);
      LoadRow(task.dy.At(s.sequence.row, time(t), s.channel), task.dy.steps[2], task.dy.dtype, count, ds);
      SlopeRow(conv, s, t, ds);
    } else {
      Clear(ds, kConvGradientSpan);
      if (task.dafter)
        LoadRow(task.dafter.At(s.sequence.index, t - length, s.channel), task.dafter.steps[2], task.dafter.dtype, count, s.row);
    }
    GradientRow(conv, s, t, s.row);
    if (t >= past)
      StoreRow(s.row, count, task.dx.At(s.sequence.row, time(t - past), s.channel), task.dx.steps[2], task.dx.dtype);
    else if (task.by_slot)
      std::memcpy(task.dstate.At(shared, s.sequence.index, t) + s.channel, s.row, count * sizeof(float));
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
  for (float** row : {&s.bias, &s.dbias, &s.row}) *row = take(1);
  // Lanes beyond `count` see zeros everywhere and stay zero.
  Clear(s.p, (4 * conv.W + 3) * kConvGradientSpan);
  if (s.sequence.slot >= 0) {
    WalkSpan(task, s, scratch.shared);
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
  return static_cast<size_t>((4 * W + 3) * kConvGradientSpan) * sizeof(float);
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
