#include "scan.h"

#include <algorithm>

#include "flush.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/scan.cc"
#include "hwy/foreach_target.h"
// After foreach_target.
#include "activation-inl.h"
#include "blocks-inl.h"
#include "scan-walk-inl.h"

/*
 * h = exp(dt A) h + dt u B;  y = sum_n C h + D u;  y *= silu(z)
 *
 * Lanes are channels. A span of channels of one sequence is worked through in tiles of time steps: dt, dt u and D u
 * are made for the whole tile; then every vector of channels walks the tile once for each 16 states (8, 4, ...),
 * with the states in registers, adding C h to y; then y is gated and stored. Memory is touched in the first and
 * the last part alone, row by row, and what the next tile will touch is fetched during the walk.
 *
 * Every lane does the same operations in the same order however time is cut into calls and channels into spans, so
 * any chunking and any number of threads give the same bits, and a call of one step those of a longer one.
 */

HWY_BEFORE_NAMESPACE();
namespace ss {
namespace HWY_NAMESPACE {

/** One row of channels: dt, dt u and D u into the tile. */
HWY_INLINE void PrepareRow(const ScanTask& task, const Span& s, const DecayConstants& k, const char* u, const char* delta,
                           int64_t i) {
  const F32 d;
  const int64_t lanes = LaneCount();
  const float* us = Widened(u, task.u.steps[3], task.u.dtype, s.count, s.row);
  const float* deltas = Widened(delta, task.delta.steps[3], task.delta.dtype, s.count, s.other);
  float* to = s.tile + i * kTileRows * lanes;
  for (int64_t v = 0; v < s.vectors; v++, to += kScanTile * kTileRows * lanes) {
    const int64_t c = v * lanes;
    const VF x = hn::Add(hn::LoadU(d, deltas + c), hn::Load(d, s.bias + c));
    const VF dt = task.softplus ? StepOf(k, x) : x;
    const VF value = hn::LoadU(d, us + c);
    hn::Store(dt, d, to + kTileDt * lanes);
    hn::Store(hn::Mul(dt, value), d, to + kTileDtu * lanes);
    hn::Store(task.D ? hn::Mul(value, hn::Load(d, s.skip + c)) : hn::Zero(d), d, to + kTileY * lanes);
    hn::Store(Reach(hn::Load(d, s.reach + c), dt), d, s.reach + c);
  }
}

/** One row of y, gated, to where it belongs. */
HWY_INLINE void FinishRow(const ScanTask& task, const Span& s, const DecayConstants& k, const char* z, char* y, int64_t i) {
  const F32 d;
  const int64_t lanes = LaneCount();
  const bool whole = IsWhole(task.y.steps[3], task.y.dtype, s.count);
  float* to = whole ? reinterpret_cast<float*>(y) : s.row;
  const float* zs = task.z ? Widened(z, task.z.steps[3], task.z.dtype, s.count, s.other) : nullptr;
  const float* from = s.tile + (i * kTileRows + kTileY) * lanes;
  for (int64_t v = 0; v < s.vectors; v++, from += kScanTile * kTileRows * lanes) {
    VF value = hn::Load(d, from);
    if (zs) value = hn::Mul(value, SiluOf(k, hn::LoadU(d, zs + v * lanes)));
    hn::StoreU(value, d, to + v * lanes);
  }
  if (!whole) StoreRow(s.row, static_cast<size_t>(s.count), y, task.y.steps[3], task.y.dtype);
}

/** Rows of N scalars of a varying projection for a tile: where they are if dense, else copied to `rows`. */
struct Rows {
  const float* data;
  int64_t step;
};

HWY_INLINE Rows ProjectionRows(const View<4>& view, const char* from, int64_t sign, int64_t N, int64_t steps, float* rows) {
  const int64_t step = sign * view.steps[1];
  if (IsDense(view.steps[3], view.dtype) && step % static_cast<int64_t>(sizeof(float)) == 0)
    return {reinterpret_cast<const float*>(from), step / static_cast<int64_t>(sizeof(float))};
  for (int64_t i = 0; i < steps; i++)
    LoadRow(from + i * step, view.steps[3], view.dtype, static_cast<size_t>(N), rows + i * N);
  return {rows, N};
}

/** What is the same for all steps of a span, into its scratch. */
void LoadSpan(const ScanTask& task, const Span& s) {
  const int64_t N = task.N, lanes = LaneCount(), h = s.head, p = s.channel;
  LoadBlocks(task.A.At(h, p), task.A.steps[1], task.A.steps[2], task.A.dtype, N, s.count, kLog2OfE, s.row, s.A);
  const auto constant = [&](const View<3>& view, float* to) {
    LoadBlocks(view.At(h, p), view.steps[1], view.steps[2], view.dtype, N, s.count, s.row, to);
  };
  if (!task.B_varies) constant(task.constant_B, s.B);
  if (!task.C_varies) constant(task.constant_C, s.C);
  if (task.before)
    LoadBlocks(task.before.At(s.sequence.slot, h, p), task.before.steps[2], task.before.steps[3], DType::f32, N, s.count, s.row,
               s.h);
  else
    Clear(s.h, s.vectors * N * lanes);
  Clear(s.skip, s.vectors * lanes);
  Clear(s.bias, s.vectors * lanes);
  if (task.D) LoadRow(task.D.At(h, p), task.D.steps[1], task.D.dtype, static_cast<size_t>(s.count), s.skip);
  if (task.bias) LoadRow(task.bias.At(h, p), task.bias.steps[1], task.bias.dtype, static_cast<size_t>(s.count), s.bias);
  StoreReach(s.A, N, s.vectors, s.reach_A);
}

/** Every vector of a span over one tile. */
HWY_INLINE void WalkTile(const ScanTask& task, const Span& s, int64_t steps, const Rows& B, const Rows& C, const Ahead& ahead) {
  const int64_t lanes = LaneCount(), N = task.N;
  for (int64_t v = 0; v < s.vectors; v++) {
    const int64_t bytes = v * lanes * static_cast<int64_t>(BytesOf(task.u.dtype));
    Ahead here = ahead;
    for (const char*& at : here.at) at += bytes;
    const float* own_B = task.B_varies ? B.data : s.B + v * N * lanes;
    const float* own_C = task.C_varies ? C.data : s.C + v * N * lanes;
    if (task.B_varies && task.C_varies) {
      if (WithinReach(s.reach + v * lanes, s.reach_A + v * lanes))
        WalkStates<kMostStates, false, true, true>(s, v, N, steps, own_B, B.step, own_C, C.step, here);
      else
        WalkStates<kMostStates, true, true, true>(s, v, N, steps, own_B, B.step, own_C, C.step, here);
    } else if (task.B_varies) {
      WalkStates<4, true, true, false>(s, v, N, steps, own_B, B.step, own_C, 0, here);
    } else if (task.C_varies) {
      WalkStates<4, true, false, true>(s, v, N, steps, own_B, 0, own_C, C.step, here);
    } else {
      WalkStates<4, true, false, false>(s, v, N, steps, own_B, 0, own_C, 0, here);
    }
  }
}

void ScanSteps(const ScanTask& task, const Span& s) {
  const int64_t N = task.N, lanes = LaneCount(), b = s.sequence.row, length = s.sequence.length;
  const DecayConstants k = MakeDecayConstants();
  const char* u = task.u.At(b, s.origin, s.head, s.channel);
  const char* delta = task.delta.At(b, s.origin, s.head, s.channel);
  const char* z = task.z.At(b, s.origin, s.head, s.channel);
  char* y = task.y.At(b, s.origin, s.head, s.channel);
  const int64_t group = s.head / task.heads_per_group;
  const char* B = task.B.At(b, s.origin, group);
  const char* C = task.C.At(b, s.origin, group);
  const int64_t u_step = s.sign * task.u.steps[1], delta_step = s.sign * task.delta.steps[1];
  const int64_t z_step = s.sign * task.z.steps[1], y_step = s.sign * task.y.steps[1];
  for (int64_t t = 0; t < length; t += kScanTile) {
    const int64_t steps = std::min(kScanTile, length - t);
    Clear(s.reach, s.vectors * lanes);
    for (int64_t i = 0; i < steps; i++, u += u_step, delta += delta_step) PrepareRow(task, s, k, u, delta, i);
    Rows rows_B = {nullptr, 0}, rows_C = {nullptr, 0};
    if (task.B_varies) rows_B = ProjectionRows(task.B, B + s.sign * task.B.steps[1] * t, s.sign, N, steps, s.rows_B);
    if (task.C_varies) rows_C = ProjectionRows(task.C, C + s.sign * task.C.steps[1] * t, s.sign, N, steps, s.rows_C);
    // Rows that the next tile reads, and those that this one gates with or writes to.
    const char* tile = reinterpret_cast<const char*>(s.tile);
    const bool more = t + kScanTile < length;
    const Ahead ahead = {{more ? u : tile, more ? delta : tile, task.z ? z : tile, y},
                         {more ? u_step : 0, more ? delta_step : 0, z_step, y_step}};
    WalkTile(task, s, steps, rows_B, rows_C, ahead);
    for (int64_t i = 0; i < steps; i++, y += y_step, z += z_step) FinishRow(task, s, k, z, y, i);
  }
}

/** True where one step can read A and the states where they are, and write them there. */
bool IsDirect(const ScanTask& task, const Span& s) {
  const auto dense = [](const auto& view, size_t channel) { return IsDense(view.steps[channel], view.dtype); };
  return s.sequence.length == 1 && s.count % LaneCount() == 0 && task.B_varies && task.C_varies && dense(task.A, 1) &&
         (!task.before || dense(task.before, 2)) && (!task.after || dense(task.after, 2));
}

/** A single step, the same operations without a tile: generating text is made of them. */
void ScanStep(const ScanTask& task, const Span& s) {
  const F32 d;
  const int64_t N = task.N, lanes = LaneCount(), b = s.sequence.row, t = s.origin, h = s.head, p = s.channel;
  const DecayConstants k = MakeDecayConstants();
  const int64_t group = h / task.heads_per_group;
  const float* us = Widened(task.u.At(b, t, h, p), task.u.steps[3], task.u.dtype, s.count, s.tile);
  const float* deltas = Widened(task.delta.At(b, t, h, p), task.delta.steps[3], task.delta.dtype, s.count, s.tile + kScanSpan);
  const float* skip = task.D ? Widened(task.D.At(h, p), task.D.steps[1], task.D.dtype, s.count, s.skip) : nullptr;
  const float* bias = task.bias ? Widened(task.bias.At(h, p), task.bias.steps[1], task.bias.dtype, s.count, s.bias) : nullptr;
  const float* zs = task.z ? Widened(task.z.At(b, t, h, p), task.z.steps[3], task.z.dtype, s.count, s.other) : nullptr;
  const float* B = ProjectionRows(task.B, task.B.At(b, t, group), 1, N, 1, s.rows_B).data;
  const float* C = ProjectionRows(task.C, task.C.At(b, t, group), 1, N, 1, s.rows_C).data;
  const bool whole = IsWhole(task.y.steps[3], task.y.dtype, s.count);
  char* const y = task.y.At(b, t, h, p);
  float* const to = whole ? reinterpret_cast<float*>(y) : s.row;
  const int64_t after_row = task.sequences.in_place ? s.sequence.slot : s.sequence.index;
  for (int64_t v = 0; v < s.vectors; v++) {
    const int64_t c = v * lanes;
    const char* A = task.A.At(h, p + c);
    const char* before = task.before ? task.before.At(s.sequence.slot, h, p + c) : nullptr;
    char* after = task.after ? task.after.At(after_row, h, p + c) : nullptr;
    const VF raw = hn::LoadU(d, deltas + c);
    const VF x = hn::Add(raw, bias ? hn::LoadU(d, bias + c) : hn::Zero(d));
    const VF dt = task.softplus ? StepOf(k, x) : x;
    const VF u = hn::LoadU(d, us + c);
    const VF dtu = hn::Mul(dt, u);
    VF sum = skip ? hn::Mul(u, hn::LoadU(d, skip + c)) : hn::Zero(d);
    for (int64_t n = 0; n < N; n++) {
      const VF scaled = hn::Mul(hn::LoadU(d, reinterpret_cast<const float*>(A + n * task.A.steps[2])), hn::Set(d, kLog2OfE));
      const VF old = before ? hn::LoadU(d, reinterpret_cast<const float*>(before + n * task.before.steps[3])) : hn::Zero(d);
      const VF state = hn::MulAdd(Decay<true>(k, dt, scaled), old, hn::Mul(dtu, hn::Set(d, B[n])));
      sum = hn::MulAdd(state, hn::Set(d, C[n]), sum);
      if (after) hn::StoreU(state, d, reinterpret_cast<float*>(after + n * task.after.steps[3]));
    }
    hn::StoreU(zs ? hn::Mul(sum, SiluOf(k, hn::LoadU(d, zs + c))) : sum, d, to + c);
  }
  if (!whole) StoreRow(to, static_cast<size_t>(s.count), y, task.y.steps[3], task.y.dtype);
}

/** Padding: y is zero, and so is a final state that is not a slot. */
void ClearSpan(const ScanTask& task, const Span& s) {
  Clear(s.row, s.count);
  Clear(s.h, s.vectors * task.N * LaneCount());
  for (int64_t t = 0; t < s.sequence.length; t++)
    StoreRow(s.row, static_cast<size_t>(s.count), task.y.At(s.sequence.row, s.sequence.first + t, s.head, s.channel),
             task.y.steps[3], task.y.dtype);
}

/** One unit: {@link kScanSpan} channels of one head of one sequence. */
void ScanUnit(const ScanTask& task, int64_t unit, char* scratch) {
  const FlushDenormals flush;
  const int64_t spans = (task.P + kScanSpan - 1) / kScanSpan;
  Span s;
  s.sequence = task.sequences[unit / spans / task.H];
  s.head = unit / spans % task.H;
  s.channel = unit % spans * kScanSpan;
  s.count = std::min(kScanSpan, task.P - s.channel);
  s.vectors = VectorsOf(s.count);
  s.sign = task.reverse ? -1 : 1;
  s.origin = s.sequence.first + (task.reverse ? s.sequence.length - 1 : 0);
  float* free = reinterpret_cast<float*>(scratch);
  const auto take = [&free](int64_t floats) {
    float* taken = free;
    free += floats;
    return taken;
  };
  for (float** block : {&s.A, &s.h, &s.B, &s.C}) *block = take(kScanSpan * task.N);
  s.tile = take(kScanSpan * kScanTile * kTileRows);
  for (float** row : {&s.skip, &s.bias, &s.reach, &s.reach_A, &s.row, &s.other}) *row = take(kScanSpan);
  s.rows_B = take(kScanTile * task.N);
  s.rows_C = take(kScanTile * task.N);

  const bool padding = s.sequence.slot < 0;
  if (padding) {
    ClearSpan(task, s);
  } else if (IsDirect(task, s)) {
    ScanStep(task, s);
    return;
  } else {
    LoadSpan(task, s);
    ScanSteps(task, s);
  }
  if (!task.after || (padding && task.sequences.in_place)) return;
  const int64_t to = task.sequences.in_place ? s.sequence.slot : s.sequence.index;
  StoreBlocks(s.h, task.N, s.count, task.after.At(to, s.head, s.channel), task.after.steps[2], task.after.steps[3],
              task.after.dtype, s.row);
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace ss
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ss {

HWY_EXPORT(ScanUnit);

namespace {

/** A vector update of 16 lanes takes about six cycles; what else a step needs, about as much as four states. */
constexpr double kNanosecondsPerUpdate = 0.15;

}  // namespace

size_t ScanScratch(int64_t N) {
  const int64_t floats = kScanSpan * (4 * N + kScanTile * 3 + 6) + 2 * kScanTile * N;
  return static_cast<size_t>(floats) * sizeof(float);
}

void AddScan(std::vector<Phase>& phases, const ScanTask& task) {
  const int64_t spans = (task.P + kScanSpan - 1) / kScanSpan;
  const double steps = static_cast<double>(task.sequences.ends ? task.sequences.L : task.sequences.count * task.sequences.L);
  const double updates = steps * static_cast<double>(task.H * task.P * (task.N + 4));
  phases.push_back({task.sequences.count * task.H * spans, updates * kNanosecondsPerUpdate,
                    [task](const Scratch& scratch, int64_t unit) {
                      HWY_DYNAMIC_DISPATCH(ScanUnit)(task, unit, scratch.own);
                    }});
}

}  // namespace ss
#endif
