// What the gradient of a scan makes of a tile's rows before and after its states, once for each instruction set.
#if defined(SS_SCAN_GRADIENT_ROWS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SS_SCAN_GRADIENT_ROWS_INL_H_
#undef SS_SCAN_GRADIENT_ROWS_INL_H_
#else
#define SS_SCAN_GRADIENT_ROWS_INL_H_
#endif

#include "activation-inl.h"
#include "scan-backward.h"
#include "scan-gradient-inl.h"

HWY_BEFORE_NAMESPACE();
namespace ss {
namespace HWY_NAMESPACE {

/** One unit of work, and where its scratch is. */
struct Slice {
  Sequence sequence;
  int64_t head, channel, count, vectors, part, group;
  /** [vector][n][lane] */
  float *A, *state, *dA, *B, *C, *dB, *dC;
  /** [channel] */
  float *skip, *bias, *dskip, *dbias, *reach, *reach_A, *row, *other, *third, *fourth;
  /** [t][n] of the projections of this tile */
  float *rows_B, *rows_C;
  /** [t][n][lane] */
  float *lanes_B, *lanes_C;
  /** [t][state][lane] of lanes_B and lanes_C before the vector that has padding */
  float *kept_B, *kept_C;
  /** [vector][t][kRows][lane] */
  float* tile;
  /** [t][state][lane] */
  float *a, *h;
  /** [n] */
  float* sums;
  /** [tile][vector][n][lane] */
  float* starts;
};

HWY_INLINE int64_t TimeOf(const ScanTask& scan, const Slice& s, int64_t i) {
  return s.sequence.first + (scan.reverse ? s.sequence.length - 1 - i : i);
}

HWY_INLINE const float* RowOf(const View<4>& view, const Slice& s, int64_t time, float* buffer) {
  return Widened(view.At(s.sequence.row, time, s.head, s.channel), view.steps[3], view.dtype, s.count, buffer);
}

/** Varying B and C of a tile as [t][n] f32, in the order of the walk. */
HWY_INLINE void LoadProjections(const ScanTask& scan, const Slice& s, int64_t t, int64_t steps) {
  const auto load = [&](const View<4>& view, float* to) {
    for (int64_t i = 0; i < steps; i++)
      LoadRow(view.At(s.sequence.row, TimeOf(scan, s, t + i), s.group), view.steps[3], view.dtype,
              static_cast<size_t>(scan.N), to + i * scan.N);
  };
  if (scan.B_varies) load(scan.B, s.rows_B);
  if (scan.C_varies) load(scan.C, s.rows_C);
}

/** What of a tile does not depend on the states: dt and dt u, and on the way back ds and the slopes. */
template <bool kBack>
HWY_INLINE void Prepare(const ScanBackwardTask& task, const Slice& s, const DecayConstants& k, int64_t t, int64_t steps) {
  const F32 d;
  const ScanTask& scan = task.scan;
  const int64_t lanes = LaneCount();
  const VF zero = hn::Zero(d), one = hn::Set(d, 1.0f);
  Clear(s.reach, s.vectors * lanes);
  for (int64_t i = 0; i < steps; i++) {
    const int64_t time = TimeOf(scan, s, t + i);
    const float* us = RowOf(scan.u, s, time, s.row);
    const float* deltas = RowOf(scan.delta, s, time, s.other);
    const float* dys = kBack ? RowOf(task.dy, s, time, s.third) : nullptr;
    const float* zs = kBack && scan.z ? RowOf(scan.z, s, time, s.fourth) : nullptr;
    float* to = s.tile + i * kRows * lanes;
    for (int64_t v = 0; v < s.vectors; v++, to += kGradientTile * kRows * lanes) {
      const int64_t c = v * lanes;
      const VF x = hn::Add(hn::LoadU(d, deltas + c), hn::Load(d, s.bias + c));
      const VF u = hn::LoadU(d, us + c);
      StepAndSlope dt = {x, one};
      if (scan.softplus && kBack) dt = StepAndSlopeOf(k, x);
      else if (scan.softplus) dt.step = StepOf(k, x);
      hn::Store(dt.step, d, to + kDt * lanes);
      hn::Store(hn::Mul(dt.step, u), d, to + kDtu * lanes);
      hn::Store(Reach(hn::Load(d, s.reach + c), dt.step), d, s.reach + c);
      if (!kBack) continue;
      const VF dy = hn::LoadU(d, dys + c);
      hn::Store(u, d, to + kU * lanes);
      hn::Store(dt.slope, d, to + kSlope * lanes);
      hn::Store(zero, d, to + kQ * lanes);
      hn::Store(zero, d, to + kR * lanes);
      if (!zs) {
        hn::Store(dy, d, to + kDs * lanes);
        continue;
      }
      const VF z = hn::LoadU(d, zs + c);
      const SiluAndSlope gate = SiluAndSlopeOf(k, z);
      hn::Store(hn::Mul(dy, gate.value), d, to + kDs * lanes);
      hn::Store(hn::Mul(dy, gate.slope), d, to + kGate * lanes);
      hn::Store(zero, d, to + kY * lanes);
    }
  }
}

/** One row of channels to where it belongs: itself if it is whole vectors of f32, else through a buffer. */
struct Target {
  char* to;
  int64_t step;
  DType dtype;
  int64_t count;
  float* data;
  Target(const View<4>& view, int64_t b, int64_t time, const Slice& s, float* buffer)
      : to(view.At(b, time, s.head, s.channel)), step(view.steps[3]), dtype(view.dtype), count(s.count),
        data(IsWhole(step, dtype, count) ? reinterpret_cast<float*>(to) : buffer) {}
  void Finish() const {
    if (data != reinterpret_cast<float*>(to)) StoreRow(data, static_cast<size_t>(count), to, step, dtype);
  }
};

/** du, ddelta and dz of a tile, and its share of dD and dbias. */
HWY_INLINE void FinishTile(const ScanBackwardTask& task, const Slice& s, int64_t t, int64_t steps) {
  const F32 d;
  const ScanTask& scan = task.scan;
  const int64_t lanes = LaneCount();
  const VF ln2 = hn::Set(d, 0.693147180559945f);
  const bool skips = static_cast<bool>(scan.D);
  for (int64_t i = steps - 1; i >= 0; i--) {
    const int64_t time = TimeOf(scan, s, t + i), b = s.sequence.row;
    const Target du(task.du, b, time, s, s.row), ddelta(task.ddelta, b, time, s, s.other);
    const float* from = s.tile + i * kRows * lanes;
    for (int64_t v = 0; v < s.vectors; v++, from += kGradientTile * kRows * lanes) {
      const int64_t c = v * lanes;
      const VF q = hn::Load(d, from + kQ * lanes), u = hn::Load(d, from + kU * lanes), ds = hn::Load(d, from + kDs * lanes);
      const VF ddt = hn::MulAdd(u, q, hn::Mul(ln2, hn::Load(d, from + kR * lanes)));
      const VF slope = hn::Mul(ddt, hn::Load(d, from + kSlope * lanes));
      const VF through = hn::Mul(hn::Load(d, from + kDt * lanes), q);
      hn::StoreU(slope, d, ddelta.data + c);
      hn::StoreU(skips ? hn::MulAdd(hn::Load(d, s.skip + c), ds, through) : through, d, du.data + c);
      hn::Store(hn::MulAdd(ds, u, hn::Load(d, s.dskip + c)), d, s.dskip + c);
      hn::Store(hn::Add(slope, hn::Load(d, s.dbias + c)), d, s.dbias + c);
    }
    du.Finish();
    ddelta.Finish();
    if (!task.dz) continue;
    const Target dz(task.dz, b, time, s, s.row);
    from = s.tile + i * kRows * lanes;
    for (int64_t v = 0; v < s.vectors; v++, from += kGradientTile * kRows * lanes) {
      VF y = hn::Load(d, from + kY * lanes);
      if (skips) y = hn::MulAdd(hn::Load(d, s.skip + v * lanes), hn::Load(d, from + kU * lanes), y);
      hn::StoreU(hn::Mul(hn::Load(d, from + kGate * lanes), y), d, dz.data + v * lanes);
    }
    dz.Finish();
  }
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace ss
HWY_AFTER_NAMESPACE();

#endif
