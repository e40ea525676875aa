#include "conv.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/conv.cc"
#include "hwy/foreach_target.h"
// After foreach_target.
#include "activation-inl.h"
#include "blocks-inl.h"

/*
 * y[t] = act(bias + sum_k weight[:, k] x[t - W + 1 + k]), lanes on channels.
 *
 * A unit is a span of channels and of time steps of one sequence. Rows of x are read where they are if they are
 * dense f32, else converted once into a ring of W rows. The sum starts at the bias and goes through k in order
 * wherever a unit or a chunk begins, so neither changes a bit.
 */

HWY_BEFORE_NAMESPACE();
namespace ss {
namespace HWY_NAMESPACE {

/** Where the columns of one span come from, in the order of the walk; those before the first step from the state. */
class Columns {
 public:
  Columns(const ConvTask& task, const Sequence& sequence, int64_t channel, int64_t count)
      : task_(task), sequence_(sequence), channel_(channel), count_(count) {}

  int64_t TimeOf(int64_t step) const {
    return sequence_.first + (task_.reverse ? sequence_.length - 1 - step : step);
  }

  /** Column `step` of the walk as whole vectors of f32; -1 is the one before the first step. */
  const float* At(int64_t step, float* buffer) const {
    if (step >= 0)
      return Widened(task_.x.At(sequence_.row, TimeOf(step), channel_), task_.x.steps[2], task_.x.dtype, count_, buffer);
    if (task_.before)
      return Widened(task_.before.At(sequence_.slot, task_.W - 1 + step, channel_), task_.before.steps[2],
                     task_.before.dtype, count_, buffer);
    Clear(buffer, VectorsOf(count_) * LaneCount());
    return buffer;
  }

 private:
  const ConvTask& task_;
  const Sequence& sequence_;
  int64_t channel_, count_;
};

/** One row of y from the rows of a window; kW is W, or 0 where it is not known. */
template <int kW, bool kSilu>
HWY_INLINE void ConvolveRow(const float* const* weights, const float* const* window, int64_t W, const float* bias,
                            int64_t vectors, float* y) {
  const F32 d;
  const int64_t lanes = LaneCount();
  const DecayConstants k = MakeDecayConstants();
  for (int64_t c = 0; c < vectors * lanes; c += lanes) {
    VF sum = hn::LoadU(d, bias + c);
    for (int64_t i = 0; i < (kW ? kW : W); i++) sum = hn::MulAdd(hn::LoadU(d, weights[i] + c), hn::LoadU(d, window[i] + c), sum);
    hn::StoreU(kSilu ? SiluOf(k, sum) : sum, d, y + c);
  }
}

template <bool kSilu>
HWY_NOINLINE void Convolve(const float* const* weights, const float* const* window, int64_t W, const float* bias,
                           int64_t vectors, float* y) {
  switch (W) {
    case 2: return ConvolveRow<2, kSilu>(weights, window, W, bias, vectors, y);
    case 3: return ConvolveRow<3, kSilu>(weights, window, W, bias, vectors, y);
    case 4: return ConvolveRow<4, kSilu>(weights, window, W, bias, vectors, y);
    default: return ConvolveRow<0, kSilu>(weights, window, W, bias, vectors, y);
  }
}

/** Steps `first` to `end` of the walk. */
void ConvolveSteps(const ConvTask& task, const Sequence& sequence, int64_t channel, int64_t count, int64_t first,
                   int64_t end, char* scratch) {
  const int64_t W = task.W;
  const float** weights = reinterpret_cast<const float**>(scratch);
  const float** window = weights + W;
  float* const weight_rows = reinterpret_cast<float*>(scratch + (2 * W * static_cast<int64_t>(sizeof(float*)) + 63) / 64 * 64);
  float* const bias_row = weight_rows + W * kConvSpan;
  float* const ring = bias_row + kConvSpan;
  float* const out = ring + W * kConvSpan;
  const Columns columns(task, sequence, channel, count);
  for (int64_t k = 0; k < W; k++) {
    weights[k] = Widened(task.weight.At(channel, k), task.weight.steps[0], task.weight.dtype, count, weight_rows + k * kConvSpan);
    // The window in front of the first step: it moves on before each.
    if (k > 0) window[k] = columns.At(first - W + k, ring + k * kConvSpan);
  }
  const float* bias = bias_row;
  if (task.bias) bias = Widened(task.bias.At(channel), task.bias.steps[0], task.bias.dtype, count, bias_row);
  else Clear(bias_row, VectorsOf(count) * LaneCount());
  int64_t oldest = 0;
  for (int64_t t = first; t < end; t++) {
    for (int64_t k = 0; k + 1 < W; k++) window[k] = window[k + 1];
    window[W - 1] = columns.At(t, ring + oldest * kConvSpan);
    oldest = oldest + 1 == W ? 0 : oldest + 1;
    char* to = task.y.At(sequence.row, columns.TimeOf(t), channel);
    const bool whole = IsWhole(task.y.steps[2], task.y.dtype, count);
    float* y = whole ? reinterpret_cast<float*>(to) : out;
    if (task.silu) Convolve<true>(weights, window, W, bias, VectorsOf(count), y);
    else Convolve<false>(weights, window, W, bias, VectorsOf(count), y);
    if (!whole) StoreRow(out, static_cast<size_t>(count), to, task.y.steps[2], task.y.dtype);
  }
}

/** Padding: y is zero. */
void ClearSteps(const ConvTask& task, const Sequence& sequence, int64_t channel, int64_t count, int64_t first, int64_t end,
                float* row) {
  Clear(row, count);
  for (int64_t t = first; t < end; t++)
    StoreRow(row, static_cast<size_t>(count), task.y.At(sequence.row, sequence.first + t, channel), task.y.steps[2],
             task.y.dtype);
}

/**
 * The last W - 1 columns into the final state. In place, every row comes from a later one or from x, so going through
 * them in order overwrites none that is still wanted.
 */
void StoreState(const ConvTask& task, const Sequence& sequence, int64_t channel, int64_t count, float* row) {
  if (!task.after) return;
  const bool padding = sequence.slot < 0;
  // Without a step the state stays as it is.
  if (task.sequences.in_place && (padding || sequence.length == 0)) return;
  const int64_t to = task.sequences.in_place ? sequence.slot : sequence.index;
  const Columns columns(task, sequence, channel, count);
  for (int64_t k = 0; k < task.W - 1; k++) {
    const float* from = row;
    if (padding) Clear(row, count);
    else from = columns.At(sequence.length - task.W + 1 + k, row);
    StoreRow(from, static_cast<size_t>(count), task.after.At(to, k, channel), task.after.steps[2], task.after.dtype);
  }
}

/** One unit: a span of channels, and a span of time steps; whoever has all of them writes the final state as well. */
void ConvUnit(const ConvTask& task, int64_t unit, int64_t spans, int64_t cuts, char* scratch) {
  const Sequence sequence = task.sequences[unit / cuts / spans];
  const int64_t channel = unit / cuts % spans * kConvSpan;
  const int64_t count = std::min(kConvSpan, task.D - channel);
  const int64_t first = unit % cuts * kConvSteps;
  const int64_t end = cuts == 1 ? sequence.length : std::min(first + kConvSteps, sequence.length);
  if (sequence.slot < 0) ClearSteps(task, sequence, channel, count, first, end, reinterpret_cast<float*>(scratch));
  else if (first < end) ConvolveSteps(task, sequence, channel, count, first, end, scratch);
  if (cuts == 1) StoreState(task, sequence, channel, count, reinterpret_cast<float*>(scratch));
}

/** The final state of a span, where time was cut. */
void ConvStateUnit(const ConvTask& task, int64_t unit, int64_t spans, char* scratch) {
  const int64_t channel = unit % spans * kConvSpan;
  StoreState(task, task.sequences[unit / spans], channel, std::min(kConvSpan, task.D - channel),
             reinterpret_cast<float*>(scratch));
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace ss
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ss {

HWY_EXPORT(ConvUnit);
HWY_EXPORT(ConvStateUnit);

size_t ConvScratch(const ConvTask& task) {
  const size_t pointers = (2 * static_cast<size_t>(task.W) * sizeof(float*) + 63) / 64 * 64;
  return pointers + static_cast<size_t>((2 * task.W + 2) * kConvSpan) * sizeof(float);
}

void AddConv(std::vector<Phase>& phases, const ConvTask& task) {
  const Sequences& sequences = task.sequences;
  const int64_t spans = (task.D + kConvSpan - 1) / kConvSpan;
  // How long packed sequences are is not known here, and many short ones are units enough.
  const int64_t cuts = sequences.ends && sequences.count >= 16 ? 1 : (sequences.L + kConvSteps - 1) / kConvSteps;
  const double steps = static_cast<double>(sequences.ends ? sequences.L : sequences.count * sequences.L);
  phases.push_back({sequences.count * spans * cuts, steps * static_cast<double>(task.D * (task.W + 4)) * 0.1,
                    [task, spans, cuts](const Scratch& scratch, int64_t unit) {
                      HWY_DYNAMIC_DISPATCH(ConvUnit)(task, unit, spans, cuts, scratch.own);
                    }});
  if (cuts == 1 || !task.after) return;
  phases.push_back({sequences.count * spans, static_cast<double>(sequences.count * task.D * task.W) * 0.2,
                    [task, spans](const Scratch& scratch, int64_t unit) {
                      HWY_DYNAMIC_DISPATCH(ConvStateUnit)(task, unit, spans, scratch.own);
                    }});
}

}  // namespace ss
#endif
