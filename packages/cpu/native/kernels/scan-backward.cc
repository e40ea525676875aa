#include "scan-backward.h"

#include <algorithm>

#include "flush.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/scan-backward.cc"
#include "hwy/foreach_target.h"
// After foreach_target.
#include "scan-gradient-inl.h"
#include "scan-gradient-rows-inl.h"

/*
 * The gradient of the scan; core's reference (`selective-scan-backward.ts`) derives the formulas.
 *
 * One unit of work is one slice of the channels of one head of one sequence. Going forward, the states at the
 * start of every tile of time steps are kept. Going backward, the states of a tile are made again and the cotangent
 * g of the state walks from its end to its start, 8 states of a vector of channels at a time. Nothing of size L N per
 * channel exists, and nothing is divided by a decay.
 *
 * What channels share, varying B and C, is summed over the vectors of a slice in the lanes of [t][n][lane], the lanes
 * of a tile once all vectors have been through it; every slice writes a part of its own.
 */

HWY_BEFORE_NAMESPACE();
namespace ss {
namespace HWY_NAMESPACE {

/** Floats between arrays that are walked side by side: 576 bytes. */
inline constexpr int64_t kApart = 144;

/** What the walks of a tile fetch. */
struct Fetches {
  Ahead forward, back;
  int64_t vector_bytes;
};

/** The rows of `steps` steps from step t of the walk on, those before the first step left out. */
HWY_INLINE void FetchRows(const ScanTask& scan, const Slice& s, Ahead& ahead, int i, const View<4>& view, int64_t t) {
  const bool there = view && t >= 0 && t < s.sequence.length;
  ahead.at[i] = there ? view.At(s.sequence.row, TimeOf(scan, s, t), s.head, s.channel) : reinterpret_cast<const char*>(s.tile);
  ahead.step[i] = there ? (scan.reverse ? -1 : 1) * view.steps[1] : 0;
}

/** While tile t is walked through: the inputs of tile `next`, and where this one's results go. */
HWY_INLINE Fetches FetchesOf(const ScanBackwardTask& task, const Slice& s, int64_t t, int64_t next) {
  const ScanTask& scan = task.scan;
  Fetches f;
  f.vector_bytes = LaneCount() * static_cast<int64_t>(BytesOf(scan.u.dtype));
  FetchRows(scan, s, f.forward, 0, scan.u, next);
  FetchRows(scan, s, f.forward, 1, scan.delta, next);
  FetchRows(scan, s, f.forward, 2, task.dy, next);
  FetchRows(scan, s, f.forward, 3, scan.z, next);
  FetchRows(scan, s, f.back, 0, task.du, t);
  FetchRows(scan, s, f.back, 1, task.ddelta, t);
  FetchRows(scan, s, f.back, 2, task.dz, t);
  FetchRows(scan, s, f.back, 3, {}, t);
  return f;
}

/** States n to n + K of vector v over a tile that starts at `start`. */
template <bool kBVaries, bool kCVaries>
HWY_INLINE Stretch StretchOf(const Slice& s, int64_t N, int64_t v, int64_t n, int64_t steps, const float* start,
                             const Fetches& fetches) {
  const int64_t lanes = LaneCount(), at = (v * N + n) * lanes;
  Stretch r;
  r.tile = s.tile + v * kGradientTile * kRows * lanes;
  r.steps = steps;
  r.A = s.A + at;
  r.start = start + at;
  r.g = s.state + at;
  r.dA = s.dA + at;
  r.dB = s.dB + at;
  r.dC = s.dC + at;
  r.B = kBVaries ? s.rows_B + n : s.B + at;
  r.C = kCVaries ? s.rows_C + n : s.C + at;
  r.B_step = kBVaries ? N : 0;
  r.C_step = kCVaries ? N : 0;
  r.a = s.a;
  r.h = s.h;
  r.lanes_B = s.lanes_B + n * lanes;
  r.lanes_C = s.lanes_C + n * lanes;
  r.lanes_step = N * lanes;
  r.forward = fetches.forward;
  r.back = fetches.back;
  for (int i = 0; i < Ahead::kStreams; i++) {
    r.forward.at[i] += v * fetches.vector_bytes;
    r.back.at[i] += v * fetches.vector_bytes;
  }
  return r;
}

template <int K, bool kFar, bool kBVaries>
HWY_INLINE void AdvanceStates(const Slice& s, int64_t N, int64_t v, int64_t steps, const Fetches& fetches, int64_t n = 0) {
  for (; n + K <= N; n += K)
    Advance<K, kFar, kBVaries>(StretchOf<kBVaries, true>(s, N, v, n, steps, s.state, fetches),
                               s.state + (v * N + n) * LaneCount());
  if constexpr (K > 1)
    if (n < N) AdvanceStates<K / 2, kFar, kBVaries>(s, N, v, steps, fetches, n);
}

HWY_INLINE bool Near(const Slice& s, int64_t v) {
  return WithinReach(s.reach + v * LaneCount(), s.reach_A + v * LaneCount());
}

/** K states of one vector over a tile, and back. */
template <int K, bool kFar, bool kBVaries, bool kCVaries>
HWY_INLINE void RetraceVector(const Stretch& r, bool gated, bool first) {
  if (gated) Remake<K, kFar, kBVaries, kCVaries, true>(r);
  else Remake<K, kFar, kBVaries, kCVaries, false>(r);
  if (first) Retrace<K, kBVaries, kCVaries, true>(r);
  else Retrace<K, kBVaries, kCVaries, false>(r);
}

/*
 * A vector may end in lanes that belong to no channel. Their u and dy are zeros, but zero times an infinite B or C is NaN:
 * what such lanes add to the sums that channels share is undone.
 */
template <int K, bool kBVaries, bool kCVaries>
HWY_INLINE void KeepPadding(const Slice& s, const Stretch& r, bool first) {
  if (kBVaries) KeepLanes<K>(r.lanes_B, r.lanes_step, r.steps, first, s.kept_B);
  if (kCVaries) KeepLanes<K>(r.lanes_C, r.lanes_step, r.steps, first, s.kept_C);
}

template <int K, bool kBVaries, bool kCVaries>
HWY_INLINE void RestorePadding(const Slice& s, const Stretch& r) {
  if (kBVaries) RestoreLanes<K>(r.lanes_B, r.lanes_step, r.steps, s.count % LaneCount(), s.kept_B);
  if (kCVaries) RestoreLanes<K>(r.lanes_C, r.lanes_step, r.steps, s.count % LaneCount(), s.kept_C);
}

/** All vectors for each K states in turn: what their lanes add up to then stays in the first cache. */
template <int K, bool kBVaries, bool kCVaries>
HWY_INLINE void RetraceStates(const Slice& s, int64_t N, int64_t steps, const float* start, bool gated,
                              const Fetches& fetches, int64_t n = 0) {
  for (; n + K <= N; n += K) {
    for (int64_t v = 0; v < s.vectors; v++) {
      const Stretch r = StretchOf<kBVaries, kCVaries>(s, N, v, n, steps, start, fetches);
      const bool padded = s.count < (v + 1) * LaneCount();
      if (padded) KeepPadding<K, kBVaries, kCVaries>(s, r, v == 0);
      if (kBVaries && kCVaries && Near(s, v)) RetraceVector<K, false, kBVaries, kCVaries>(r, gated, v == 0);
      else RetraceVector<K, true, kBVaries, kCVaries>(r, gated, v == 0);
      if (padded) RestorePadding<K, kBVaries, kCVaries>(s, r);
    }
  }
  if constexpr (K > 1)
    if (n < N) RetraceStates<K / 2, kBVaries, kCVaries>(s, N, steps, start, gated, fetches, n);
}

/** The way forward: the states in front of every tile. */
void WalkForward(const ScanBackwardTask& task, const Slice& s, const DecayConstants& k) {
  const ScanTask& scan = task.scan;
  const int64_t all = s.vectors * scan.N * LaneCount();
  float* starts = s.starts;
  for (int64_t t = 0; t < s.sequence.length; t += kGradientTile, starts += all) {
    std::memcpy(starts, s.state, static_cast<size_t>(all) * sizeof(float));
    // The end of the last tile is nobody's start.
    if (t + kGradientTile >= s.sequence.length) return;
    LoadProjections(scan, s, t, kGradientTile);
    Prepare<false>(task, s, k, t, kGradientTile);
    const Fetches fetches = FetchesOf(task, s, t, t + kGradientTile);
    for (int64_t v = 0; v < s.vectors; v++) {
      if (!scan.B_varies) AdvanceStates<2, true, false>(s, scan.N, v, kGradientTile, fetches);
      else if (Near(s, v)) AdvanceStates<kGradientStates, false, true>(s, scan.N, v, kGradientTile, fetches);
      else AdvanceStates<kGradientStates, true, true>(s, scan.N, v, kGradientTile, fetches);
    }
  }
}

/** This slice's part of a varying dB or dC for a tile: the lanes added. */
HWY_INLINE void StoreLanes(const ScanBackwardTask& task, const Slice& s, const Parts& parts, const float* lanes, char* shared,
                           int64_t t, int64_t steps) {
  const int64_t N = task.scan.N;
  for (int64_t i = 0; i < steps; i++, lanes += N * LaneCount()) {
    SumLanes(lanes, N, s.sums);
    const int64_t row = s.sequence.row * task.scan.sequences.L + TimeOf(task.scan, s, t + i);
    std::memcpy(parts.At(shared, s.head * task.slices + s.part, row), s.sums, static_cast<size_t>(N) * sizeof(float));
  }
}

void WalkBackward(const ScanBackwardTask& task, const Slice& s, const DecayConstants& k, char* shared) {
  const ScanTask& scan = task.scan;
  const int64_t all = s.vectors * scan.N * LaneCount(), tiles = (s.sequence.length + kGradientTile - 1) / kGradientTile;
  const bool gated = static_cast<bool>(scan.z);
  for (int64_t tile = tiles - 1; tile >= 0; tile--) {
    const int64_t t = tile * kGradientTile, steps = std::min(kGradientTile, s.sequence.length - t);
    const float* starts = s.starts + tile * all;
    LoadProjections(scan, s, t, steps);
    Prepare<true>(task, s, k, t, steps);
    const Fetches fetches = FetchesOf(task, s, t, t - kGradientTile);
    if (scan.B_varies && scan.C_varies)
      RetraceStates<kGradientStates, true, true>(s, scan.N, steps, starts, gated, fetches);
    else if (scan.B_varies) RetraceStates<2, true, false>(s, scan.N, steps, starts, gated, fetches);
    else if (scan.C_varies) RetraceStates<2, false, true>(s, scan.N, steps, starts, gated, fetches);
    else RetraceStates<2, false, false>(s, scan.N, steps, starts, gated, fetches);
    FinishTile(task, s, t, steps);
    if (scan.B_varies) StoreLanes(task, s, task.dB, s.lanes_B, shared, t, steps);
    if (scan.C_varies) StoreLanes(task, s, task.dC, s.lanes_C, shared, t, steps);
  }
}

/** What is the same for all steps, and sums that start at zero. */
void LoadSlice(const ScanTask& scan, const Slice& s) {
  const int64_t N = scan.N, h = s.head, p = s.channel, all = s.vectors * N * LaneCount();
  const auto load = [&](const View<3>& view, float factor, float* to) {
    LoadBlocks(view.At(h, p), view.steps[1], view.steps[2], view.dtype, N, s.count, factor, s.row, to);
  };
  load(scan.A, kLog2OfE, s.A);
  if (!scan.B_varies) load(scan.constant_B, 1, s.B);
  if (!scan.C_varies) load(scan.constant_C, 1, s.C);
  for (float* sums : {s.dA, s.dB, s.dC, s.state}) Clear(sums, all);
  for (float* row : {s.skip, s.bias, s.dskip, s.dbias}) Clear(row, s.vectors * LaneCount());
  if (scan.D) LoadRow(scan.D.At(h, p), scan.D.steps[1], scan.D.dtype, static_cast<size_t>(s.count), s.skip);
  if (scan.bias) LoadRow(scan.bias.At(h, p), scan.bias.steps[1], scan.bias.dtype, static_cast<size_t>(s.count), s.bias);
  StoreReach(s.A, N, s.vectors, s.reach_A);
}

HWY_INLINE void LoadStates(const View<4>& view, int64_t row, const Slice& s, int64_t N) {
  if (view)
    LoadBlocks(view.At(row, s.head, s.channel), view.steps[2], view.steps[3], view.dtype, N, s.count, s.row, s.state);
  else
    Clear(s.state, s.vectors * N * LaneCount());
}

/** Padding: every gradient is zero. */
void ClearSlice(const ScanBackwardTask& task, const Slice& s, char* shared) {
  Clear(s.row, s.count);
  Clear(s.sums, task.scan.N);
  for (int64_t i = 0; i < s.sequence.length; i++) {
    const int64_t time = s.sequence.first + i, b = s.sequence.row;
    for (const View<4>* view : {&task.du, &task.ddelta, &task.dz})
      if (*view)
        StoreRow(s.row, static_cast<size_t>(s.count), view->At(b, time, s.head, s.channel), view->steps[3], view->dtype);
    const int64_t row = b * task.scan.sequences.L + time, part = s.head * task.slices + s.part;
    const size_t bytes = static_cast<size_t>(task.scan.N) * sizeof(float);
    if (task.scan.B_varies) std::memset(task.dB.At(shared, part, row), 0, bytes);
    if (task.scan.C_varies) std::memset(task.dC.At(shared, part, row), 0, bytes);
  }
}

/** What sequences add up in the end: this slice's channels of each part. */
void StoreParts(const ScanBackwardTask& task, const Slice& s, char* shared) {
  const int64_t channel = s.head * task.scan.P + s.channel, index = s.sequence.index;
  const auto store = [&](const Parts& parts, const float* from, int64_t rows) {
    StoreBlocks(from, rows, s.count, reinterpret_cast<char*>(parts.At(shared, index, 0) + channel), sizeof(float),
                parts.width * static_cast<int64_t>(sizeof(float)), DType::f32, s.row);
  };
  store(task.dA, s.dA, task.scan.N);
  if (!task.scan.B_varies) store(task.dB, s.dB, task.scan.N);
  if (!task.scan.C_varies) store(task.dC, s.dC, task.scan.N);
  if (task.dD.count) store(task.dD, s.dskip, 1);
  if (task.dbias.count) store(task.dbias, s.dbias, 1);
  if (task.by_slot)
    store(task.dstate, s.state, task.scan.N);
  else if (task.dbefore)
    StoreBlocks(s.state, task.scan.N, s.count, task.dbefore.At(index, s.head, s.channel), task.dbefore.steps[2],
                task.dbefore.steps[3], task.dbefore.dtype, s.row);
}

/** One unit: a slice of the channels of one head of one sequence. */
void ScanBackwardUnit(const ScanBackwardTask& task, int64_t unit, const Scratch& scratch) {
  const FlushDenormals flush;
  const ScanTask& scan = task.scan;
  Slice s;
  s.part = unit % task.slices;
  s.sequence = scan.sequences[unit / task.slices / scan.H];
  s.head = unit / task.slices % scan.H;
  s.group = s.head / scan.heads_per_group;
  s.channel = s.part * task.slice;
  s.count = std::min(task.slice, scan.P - s.channel);
  s.vectors = VectorsOf(s.count);
  float* free = reinterpret_cast<float*>(scratch.own);
  const auto take = [&free](int64_t floats) {
    float* taken = free;
    free += (floats + kSliceUnit - 1) / kSliceUnit * kSliceUnit;
    return taken;
  };
  for (float** block : {&s.A, &s.state, &s.dA, &s.B, &s.C, &s.dB, &s.dC}) *block = take(task.slice * scan.N);
  for (float** row : {&s.skip, &s.bias, &s.dskip, &s.dbias, &s.reach, &s.reach_A, &s.row, &s.other, &s.third, &s.fourth})
    *row = take(task.slice);
  for (float** rows : {&s.rows_B, &s.rows_C}) *rows = take(kGradientTile * scan.N);
  // A multiple of 4 KB apart, loads of one would wait for stores to the other.
  for (float** lanes : {&s.lanes_B, &s.lanes_C}) *lanes = take(kGradientTile * scan.N * LaneCount() + kApart);
  s.tile = take(kGradientTile * kRows * task.slice);
  for (float** states : {&s.a, &s.h, &s.kept_B, &s.kept_C})
    *states = take((kGradientTile + 1) * kGradientStates * LaneCount());
  s.sums = take(scan.N);
  s.starts = free;

  const DecayConstants k = MakeDecayConstants();
  LoadSlice(scan, s);
  if (s.sequence.slot < 0) {
    ClearSlice(task, s, scratch.shared);
  } else {
    LoadStates(scan.before, s.sequence.slot, s, scan.N);
    WalkForward(task, s, k);
    LoadStates(task.dafter, s.sequence.index, s, scan.N);
    WalkBackward(task, s, k, scratch.shared);
  }
  StoreParts(task, s, scratch.shared);
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace ss
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ss {

HWY_EXPORT(ScanBackwardUnit);

namespace {

/** Three times through the states; see `scan.cc` for what one update of the forward takes. */
constexpr double kNanosecondsPerGradient = 0.5;

/** Of {@link kGradientStates} and the rows of a tile, the most that any instruction set has. */
constexpr int64_t kMostWalkStates = 8, kTileRows = 9;

}  // namespace

size_t ScanBackwardScratch(const ScanBackwardTask& task) {
  const int64_t N = task.scan.N, tiles = (task.scan.sequences.L + kGradientTile - 1) / kGradientTile;
  const int64_t floats = task.slice * (N * (7 + tiles) + 10 + kGradientTile * kTileRows) + kGradientTile * N * (2 + 2 * kSliceUnit) +
                         4 * (kGradientTile + 1) * kMostWalkStates * kSliceUnit + N + 64 * kSliceUnit;
  return static_cast<size_t>(floats) * sizeof(float);
}

void AddScanBackward(std::vector<Phase>& phases, const ScanBackwardTask& task) {
  const ScanTask& scan = task.scan;
  const double steps = static_cast<double>(task.batch * scan.sequences.L);
  const double updates = steps * static_cast<double>(scan.H * scan.P * (scan.N + 4));
  phases.push_back({scan.sequences.count * scan.H * task.slices, updates * kNanosecondsPerGradient,
                    [task](const Scratch& scratch, int64_t unit) {
                      HWY_DYNAMIC_DISPATCH(ScanBackwardUnit)(task, unit, scratch);
                    }});
}

}  // namespace ss
#endif
