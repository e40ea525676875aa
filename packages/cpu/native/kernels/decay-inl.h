// The decay exp(dt A) of a state over a step, once for each instruction set.
#if defined(SS_DECAY_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SS_DECAY_INL_H_
#undef SS_DECAY_INL_H_
#else
#define SS_DECAY_INL_H_
#endif

#include <cmath>

#include "floats-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace ss {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using VF = hn::Vec<F32>;

/** Decays are powers of two: A is kept times this. */
inline constexpr float kLog2OfE = 1.44269504088896340736f;

#if HWY_TARGET <= HWY_AVX3

/*
 * 2^x = 2^floor(x) * T[j] * 2^f with x = floor(x) + j / 32 + f and |f| <= 1/64. Adding 1.5 * 2^18 rounds to a
 * multiple of 1/32 and leaves j in the low bits, which is all that the permutation of two registers looks at.
 * 2^f by its Taylor series to f^3, whose relative error is 6e-10. One term less would do for a single step, but its
 * error has one sign over whole ranges of dt A, which adds up where a state hardly decays over a long sequence.
 */
/** 2^(j / 32) */
alignas(64) inline constexpr float kPowers[32] = {
    1.0f, 1.0218972f, 1.04427373f, 1.06714046f,
    1.09050775f, 1.1143868f, 1.13878858f, 1.1637249f,
    1.18920708f, 1.21524739f, 1.24185777f, 1.26905096f,
    1.29683959f, 1.32523668f, 1.35425556f, 1.38390994f,
    1.41421354f, 1.44518077f, 1.47682619f, 1.50916445f,
    1.54221082f, 1.5759809f, 1.61049032f, 1.64575553f,
    1.68179286f, 1.71861935f, 1.75625217f, 1.79470909f,
    1.8340081f, 1.87416768f, 1.91520655f, 1.95714414f,
};

/** Where every |dt A log2(e)| stays below this, {@link Decay} needs no care. */
inline constexpr float kDecayReach = 131072;

struct DecayConstants {
  VF low, high, round, c3, c2, c1;
};

HWY_INLINE DecayConstants MakeDecayConstants() {
  const F32 d;
  return {hn::Load(d, kPowers), hn::Load(d, kPowers + 16), hn::Set(d, 0x1.8p18f),
          hn::Set(d, 0.0555041087f), hn::Set(d, 0.240226507f), hn::Set(d, 0.693147181f)};
}

/** 2^(dt A), with A in units of log2(e); `kFar` where that may be anything: 0, infinity and NaN as they should. */
template <bool kFar>
HWY_INLINE VF Decay(const DecayConstants& k, VF dt, VF A) {
  const F32 d;
  const VF t = hn::MulAdd(dt, A, k.round);
  const VF r = hn::Sub(t, k.round);
  const VF f = hn::MulSub(dt, A, r);
  const VF T{_mm512_permutex2var_ps(k.low.raw, _mm512_castps_si512(t.raw), k.high.raw)};
  const VF g = hn::Mul(hn::MulAdd(hn::MulAdd(k.c3, f, k.c2), f, k.c1), f);
  // The form without a mask makes GCC 12 warn of its own header.
  const VF a{_mm512_maskz_scalef_ps(0xffff, hn::MulAdd(g, T, T).raw, r.raw)};
  if (!kFar) return a;
  const VF x = hn::Mul(dt, A);
  const VF under = hn::IfThenElse(hn::Le(x, hn::Set(d, -kDecayReach)), hn::Zero(d), a);
  return hn::IfThenElse(hn::Ge(x, hn::Set(d, kDecayReach)), hn::Set(d, INFINITY), under);
}

#else

/*
 * 2^x = 2^r p(f) with r the nearest integer and |f| <= 1/2; p(f) = 1 + ln2 f + ... + c5 f^5, its constant and
 * linear terms exact, so that a decay close to 1 keeps its distance from 1 over a long sequence, the others minimax
 * under that constraint (relative error 1.6e-7). Adding 1.5 * 2^23 rounds to an integer and leaves it in the
 * low bits, from where it goes straight into the exponent.
 */

/** Where every |dt A log2(e)| stays below this, {@link Decay} needs no care: all results are normal numbers. */
inline constexpr float kDecayReach = 125;

struct DecayConstants {
  VF round, c5, c4, c3, c2, c1, one;
};

HWY_INLINE DecayConstants MakeDecayConstants() {
  const F32 d;
  return {hn::Set(d, 0x1.8p23f),       hn::Set(d, 0.00133006062f), hn::Set(d, 0.00966969147f), hn::Set(d, 0.0555055834f),
          hn::Set(d, 0.240222820f), hn::Set(d, 0.693147181f),   hn::Set(d, 1.0f)};
}

/** 2^(dt A), with A in units of log2(e); `kFar` where that may be anything: 0, infinity and NaN as they should. */
template <bool kFar>
HWY_INLINE VF Decay(const DecayConstants& k, VF dt, VF A) {
  const F32 d;
  const hn::RebindToSigned<F32> di;
#if HWY_NATIVE_FMA
  const VF t = hn::MulAdd(dt, A, k.round);
  const VF f = hn::MulSub(dt, A, hn::Sub(t, k.round));
#else
  const VF exponent = hn::Mul(dt, A);
  const VF t = hn::Add(exponent, k.round);
  const VF f = hn::Sub(exponent, hn::Sub(t, k.round));
#endif
  VF p = hn::MulAdd(k.c5, f, k.c4);
  p = hn::MulAdd(p, f, k.c3);
  p = hn::MulAdd(p, f, k.c2);
  p = hn::MulAdd(p, f, k.c1);
  p = hn::MulAdd(p, f, k.one);
  const VF a = hn::BitCast(d, hn::Add(hn::BitCast(di, p), hn::ShiftLeft<23>(hn::BitCast(di, t))));
  if (!kFar) return a;
  const VF x = hn::Mul(dt, A);
  const VF under = hn::IfThenElse(hn::Le(x, hn::Set(d, -kDecayReach)), hn::Zero(d), a);
  const VF over = hn::IfThenElse(hn::Ge(x, hn::Set(d, 128.0f)), hn::Set(d, INFINITY), under);
  return hn::IfThenElse(hn::Eq(x, x), over, x);
}

#endif

/** The larger magnitude, NaN being the largest: as integers, magnitudes keep their order. */
HWY_INLINE VF Reach(VF reach, VF value) {
  const F32 d;
  const hn::RebindToSigned<F32> di;
  return hn::BitCast(d, hn::Max(hn::BitCast(di, reach), hn::BitCast(di, hn::Abs(value))));
}

/** The reach of the N states of every vector, from [vector][n][lane]. */
HWY_INLINE void StoreReach(const float* A, int64_t N, int64_t vectors, float* to) {
  const F32 d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t v = 0; v < vectors; v++) {
    VF reach = hn::Zero(d);
    for (int64_t n = 0; n < N; n++) reach = Reach(reach, hn::Load(d, A + (v * N + n) * lanes));
    hn::Store(reach, d, to + v * lanes);
  }
}

/** True where no decay of these steps and states needs care. */
HWY_INLINE bool WithinReach(const float* steps, const float* A) {
  const F32 d;
  return hn::AllTrue(d, hn::Lt(hn::Mul(hn::Load(d, steps), hn::Load(d, A)), hn::Set(d, kDecayReach)));
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace ss
HWY_AFTER_NAMESPACE();

#endif
