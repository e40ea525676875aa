// The walks of the scan's gradient over one tile of one vector of channels, once for each instruction set.
#if defined(SS_SCAN_GRADIENT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SS_SCAN_GRADIENT_INL_H_
#undef SS_SCAN_GRADIENT_INL_H_
#else
#define SS_SCAN_GRADIENT_INL_H_
#endif

#include "blocks-inl.h"
#include "decay-inl.h"

HWY_BEFORE_NAMESPACE();
namespace ss {
namespace HWY_NAMESPACE {

/** States whose g and dA the way back keeps in registers. */
#if HWY_TARGET <= HWY_AVX3
inline constexpr int kGradientStates = 8;
#else
inline constexpr int kGradientStates = 4;
#endif

/**
 * Rows of a tile for one vector of channels, side by side for each step: ds = dy silu(z), slope = d dt / d delta,
 * gate = dy silu'(z), y = sum_n C h, q = sum_n g B, r = sum_n g a h A (in units of log2(e)).
 */
enum Row : int64_t { kDt, kU, kDtu, kDs, kSlope, kGate, kY, kQ, kR, kRows };

/** K states of one vector over a tile; B and C are rows of scalars, or blocks [n][lane] whose step is 0. */
struct Stretch {
  /** [t][kRows][lane] */
  float* tile;
  int64_t steps;
  /** [n][lane]: A log2(e), the state in front of the tile, g behind it, and sums over time */
  const float *A, *start;
  float *g, *dA, *dB, *dC;
  const float *B, *C;
  int64_t B_step, C_step;
  /** [t][K][lane]: a of each step, and h in front of it (one more row, for the end) */
  float *a, *h;
  /** [t][n][lane]: what every lane adds to dB and dC of a step */
  float *lanes_B, *lanes_C;
  int64_t lanes_step;
  /** For the way forward (again), and for the way back. */
  Ahead forward, back;
};

/** The walk forward, for the states alone. */
template <int K, bool kFar, bool kBVaries>
HWY_NOINLINE void Advance(const Stretch& s, float* HWY_RESTRICT state) {
  const F32 d;
  const int64_t lanes = LaneCount();
  const DecayConstants k = MakeDecayConstants();
  VF h[K];
  HWY_UNROLL(16)
  for (int n = 0; n < K; n++) h[n] = hn::Load(d, state + n * lanes);
  const float* B = s.B;
  const float* A = s.A;
  Ahead ahead = s.forward;
  for (const float *at = s.tile, *end = at + s.steps * kRows * lanes; at < end; at += kRows * lanes, B += s.B_step) {
    ahead.Fetch();
    const VF dt = hn::Load(d, at + kDt * lanes);
    const VF dtu = hn::Load(d, at + kDtu * lanes);
    HWY_UNROLL(16)
    for (int n = 0; n < K; n++) {
      const VF b = kBVaries ? hn::Set(d, B[n]) : hn::Load(d, B + n * lanes);
      h[n] = hn::MulAdd(Decay<kFar>(k, dt, hn::Load(d, A + n * lanes)), h[n], hn::Mul(dtu, b));
    }
  }
  HWY_UNROLL(16)
  for (int n = 0; n < K; n++) hn::Store(h[n], d, state + n * lanes);
}

/** The same again within a tile on the way back, keeping a and h of every step, and adding C h to y where z wants it. */
template <int K, bool kFar, bool kBVaries, bool kCVaries, bool kGated>
HWY_NOINLINE void Remake(const Stretch& s) {
  const F32 d;
  const int64_t lanes = LaneCount();
  const DecayConstants k = MakeDecayConstants();
  VF h[K];
  HWY_UNROLL(16)
  for (int n = 0; n < K; n++) {
    h[n] = hn::Load(d, s.start + n * lanes);
    hn::Store(h[n], d, s.h + n * lanes);
  }
  const float *B = s.B, *C = s.C, *A = s.A;
  float* HWY_RESTRICT to_a = s.a;
  float* HWY_RESTRICT to_h = s.h + K * lanes;
  float* HWY_RESTRICT at = s.tile;
  Ahead ahead = s.forward;
  for (int64_t t = 0; t < s.steps; t++) {
    ahead.Fetch();
    const VF dt = hn::Load(d, at + kDt * lanes);
    const VF dtu = hn::Load(d, at + kDtu * lanes);
    VF y = kGated ? hn::Load(d, at + kY * lanes) : hn::Zero(d);
    HWY_UNROLL(16)
    for (int n = 0; n < K; n++) {
      const VF b = kBVaries ? hn::Set(d, B[n]) : hn::Load(d, B + n * lanes);
      const VF a = Decay<kFar>(k, dt, hn::Load(d, A + n * lanes));
      h[n] = hn::MulAdd(a, h[n], hn::Mul(dtu, b));
      hn::Store(a, d, to_a + n * lanes);
      hn::Store(h[n], d, to_h + n * lanes);
      if (kGated) y = hn::MulAdd(h[n], kCVaries ? hn::Set(d, C[n]) : hn::Load(d, C + n * lanes), y);
    }
    if (kGated) hn::Store(y, d, at + kY * lanes);
    at += kRows * lanes;
    to_a += K * lanes;
    to_h += K * lanes;
    B += s.B_step;
    C += s.C_step;
  }
}

/** The way back: g walks from the tile's end to its start. `kFirst`: the lanes hold nothing yet. */
template <int K, bool kBVaries, bool kCVaries, bool kFirst>
HWY_NOINLINE void Retrace(const Stretch& s) {
  const F32 d;
  const int64_t lanes = LaneCount();
  const int64_t last = s.steps - 1;
  VF g[K], dA[K];
  HWY_UNROLL(16)
  for (int n = 0; n < K; n++) {
    g[n] = hn::Load(d, s.g + n * lanes);
    // A sum of its own for each tile: over a long sequence it loses far less than one sum would.
    dA[n] = hn::Zero(d);
  }
  const float *B = s.B + last * s.B_step, *C = s.C + last * s.C_step, *A = s.A;
  const float *a = s.a + last * K * lanes, *h = s.h + last * K * lanes;
  float *lanes_B = s.lanes_B + last * s.lanes_step, *lanes_C = s.lanes_C + last * s.lanes_step;
  Ahead ahead = s.back;
  for (float* at = s.tile + last * kRows * lanes; at >= s.tile; at -= kRows * lanes) {
    ahead.Fetch();
    const VF dt = hn::Load(d, at + kDt * lanes);
    const VF dtu = hn::Load(d, at + kDtu * lanes);
    const VF ds = hn::Load(d, at + kDs * lanes);
    VF q = hn::Load(d, at + kQ * lanes), r = hn::Load(d, at + kR * lanes);
    HWY_UNROLL(16)
    for (int n = 0; n < K; n++) {
      const int64_t i = n * lanes;
      g[n] = hn::MulAdd(ds, kCVaries ? hn::Set(d, C[n]) : hn::Load(d, C + i), g[n]);
      const VF after = hn::Load(d, h + K * lanes + i);
      if (kCVaries)
        hn::Store(kFirst ? hn::Mul(ds, after) : hn::MulAdd(ds, after, hn::Load(d, lanes_C + i)), d, lanes_C + i);
      else
        hn::Store(hn::MulAdd(ds, after, hn::Load(d, s.dC + i)), d, s.dC + i);
      if (kBVaries)
        hn::Store(kFirst ? hn::Mul(g[n], dtu) : hn::MulAdd(g[n], dtu, hn::Load(d, lanes_B + i)), d, lanes_B + i);
      else
        hn::Store(hn::MulAdd(g[n], dtu, hn::Load(d, s.dB + i)), d, s.dB + i);
      q = hn::MulAdd(g[n], kBVaries ? hn::Set(d, B[n]) : hn::Load(d, B + i), q);
      g[n] = hn::Mul(g[n], hn::Load(d, a + i));
      const VF m = hn::Mul(g[n], hn::Load(d, h + i));
      r = hn::MulAdd(m, hn::Load(d, A + i), r);
      dA[n] = hn::MulAdd(m, dt, dA[n]);
    }
    hn::Store(q, d, at + kQ * lanes);
    hn::Store(r, d, at + kR * lanes);
    B -= s.B_step;
    C -= s.C_step;
    a -= K * lanes;
    h -= K * lanes;
    lanes_B -= s.lanes_step;
    lanes_C -= s.lanes_step;
  }
  HWY_UNROLL(16)
  for (int n = 0; n < K; n++) {
    hn::Store(g[n], d, s.g + n * lanes);
    hn::Store(hn::Add(hn::Load(d, s.dA + n * lanes), dA[n]), d, s.dA + n * lanes);
  }
}

/** K rows of each step, which are `step` floats apart, to `kept`, where they are dense; zeros if there are none yet. */
template <int K>
HWY_INLINE void KeepLanes(const float* from, int64_t step, int64_t steps, bool none, float* kept) {
  const int64_t floats = K * LaneCount();
  if (none) {
    Clear(kept, steps * floats);
    return;
  }
  for (int64_t t = 0; t < steps; t++, from += step, kept += floats)
    std::memcpy(kept, from, static_cast<size_t>(floats) * sizeof(float));
}

/** The lanes from `channels` on as they were kept. */
template <int K>
HWY_INLINE void RestoreLanes(float* to, int64_t step, int64_t steps, int64_t channels, const float* kept) {
  const F32 d;
  const int64_t lanes = LaneCount();
  const auto own = hn::FirstN(d, static_cast<size_t>(channels));
  for (int64_t t = 0; t < steps; t++, to += step, kept += K * lanes) {
    HWY_UNROLL(16)
    for (int64_t i = 0; i < K * lanes; i += lanes)
      hn::Store(hn::IfThenElse(own, hn::Load(d, to + i), hn::Load(d, kept + i)), d, to + i);
  }
}

/** The sum of the 128-bit blocks of a vector. */
template <class D>
HWY_INLINE void StoreBlockSum(D d, hn::Vec<D> v, float* to) {
  if constexpr (hn::MaxLanes(D()) <= 4) {
    hn::StoreU(v, d, to);
  } else {
    const hn::Half<D> half;
    StoreBlockSum(half, hn::Add(hn::LowerHalf(half, v), hn::UpperHalf(half, v)), to);
  }
}

/** to[n] = the sum of the lanes of row n: four rows at once, as a transposition that adds on its way. */
HWY_INLINE void SumLanes(const float* from, int64_t rows, float* to) {
  const F32 d;
  const hn::RepartitionToWide<F32> wide;
  const int64_t lanes = LaneCount();
  int64_t n = 0;
  for (; n + 4 <= rows; n += 4, from += 4 * lanes) {
    const VF r0 = hn::Load(d, from), r1 = hn::Load(d, from + lanes);
    const VF r2 = hn::Load(d, from + 2 * lanes), r3 = hn::Load(d, from + 3 * lanes);
    const auto low = hn::BitCast(wide, hn::Add(hn::InterleaveLower(d, r0, r1), hn::InterleaveUpper(d, r0, r1)));
    const auto high = hn::BitCast(wide, hn::Add(hn::InterleaveLower(d, r2, r3), hn::InterleaveUpper(d, r2, r3)));
    const VF sums = hn::Add(hn::BitCast(d, hn::InterleaveLower(wide, low, high)),
                            hn::BitCast(d, hn::InterleaveUpper(wide, low, high)));
    StoreBlockSum(d, sums, to + n);
  }
  for (; n < rows; n++, from += lanes) to[n] = hn::GetLane(hn::SumOfLanes(d, hn::Load(d, from)));
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace ss
HWY_AFTER_NAMESPACE();

#endif
