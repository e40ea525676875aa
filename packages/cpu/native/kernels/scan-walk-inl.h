// The walk of a scan through one tile of one vector of channels, once for each instruction set.
#if defined(SS_SCAN_WALK_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SS_SCAN_WALK_INL_H_
#undef SS_SCAN_WALK_INL_H_
#else
#define SS_SCAN_WALK_INL_H_
#endif

#include "blocks-inl.h"
#include "decay-inl.h"
#include "scan.h"

HWY_BEFORE_NAMESPACE();
namespace ss {
namespace HWY_NAMESPACE {

/** States that a walk keeps in registers: with A from memory, 32 registers hold 16, and 16 hold 4. */
#if HWY_TARGET <= HWY_AVX3
inline constexpr int kMostStates = 16;
#else
inline constexpr int kMostStates = 4;
#endif

/** Rows of a tile for one vector: dt, dt u and y side by side. */
inline constexpr int64_t kTileDt = 0, kTileDtu = 1, kTileY = 2, kTileRows = 3;

/** One unit of work: a span of channels of one head of one sequence, and where its scratch is. */
struct Span {
  Sequence sequence;
  int64_t head, channel, count, vectors;
  /** Bytes from a step to the next one of the walk have this sign, and the walk starts at step `origin`. */
  int64_t sign, origin;
  float *A, *h, *B, *C;
  /** [vector][t][kTileRows][lane] */
  float* tile;
  /** [t][n] of varying projections that are not dense f32 */
  float *rows_B, *rows_C;
  /** [channel] */
  float *skip, *bias, *reach, *reach_A, *row, *other;
};

/** K states of one vector of channels over a tile. B and C are rows of scalars, or blocks [n][lane] that do not move. */
template <int K, bool kFar, bool kBVaries, bool kCVaries>
HWY_NOINLINE void Walk(const float* HWY_RESTRICT A, float* HWY_RESTRICT state, float* HWY_RESTRICT tile, int64_t steps,
                       const float* B, int64_t B_step, const float* C, int64_t C_step, Ahead ahead) {
  const F32 d;
  const int64_t lanes = LaneCount();
  const DecayConstants k = MakeDecayConstants();
  VF h[K];
  HWY_UNROLL(16)
  for (int n = 0; n < K; n++) h[n] = hn::Load(d, state + n * lanes);
  for (const float* end = tile + steps * kTileRows * lanes; tile < end; tile += kTileRows * lanes) {
    const VF dt = hn::Load(d, tile + kTileDt * lanes);
    const VF dtu = hn::Load(d, tile + kTileDtu * lanes);
    VF y = hn::Load(d, tile + kTileY * lanes);
    ahead.Fetch();
    HWY_UNROLL(16)
    for (int n = 0; n < K; n++) {
      const VF b = kBVaries ? hn::Set(d, B[n]) : hn::Load(d, B + n * lanes);
      const VF c = kCVaries ? hn::Set(d, C[n]) : hn::Load(d, C + n * lanes);
      const VF a = Decay<kFar>(k, dt, hn::Load(d, A + n * lanes));
      h[n] = hn::MulAdd(a, h[n], hn::Mul(dtu, b));
      y = hn::MulAdd(h[n], c, y);
    }
    hn::Store(y, d, tile + kTileY * lanes);
    B += B_step;
    C += C_step;
  }
  HWY_UNROLL(16)
  for (int n = 0; n < K; n++) hn::Store(h[n], d, state + n * lanes);
}

/** All N states of a vector over a tile, as many at once as there are registers for. */
template <int K, bool kFar, bool kBVaries, bool kCVaries>
HWY_INLINE void WalkStates(const Span& s, int64_t v, int64_t N, int64_t steps, const float* B, int64_t B_step, const float* C,
                           int64_t C_step, const Ahead& ahead, int64_t n = 0) {
  const int64_t lanes = LaneCount();
  for (; n + K <= N; n += K) {
    const int64_t at = (v * N + n) * lanes;
    Walk<K, kFar, kBVaries, kCVaries>(s.A + at, s.h + at, s.tile + v * kScanTile * kTileRows * lanes, steps,
                                      B + (kBVaries ? n : n * lanes), B_step, C + (kCVaries ? n : n * lanes), C_step, ahead);
  }
  if constexpr (K > 1)
    if (n < N) WalkStates<K / 2, kFar, kBVaries, kCVaries>(s, v, N, steps, B, B_step, C, C_step, ahead, n);
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace ss
HWY_AFTER_NAMESPACE();

#endif
