// Softplus, its slope, the sigmoid and SiLU out of the exponential of a decay, once for each instruction set.
#if defined(SS_ACTIVATION_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SS_ACTIVATION_INL_H_
#undef SS_ACTIVATION_INL_H_
#else
#define SS_ACTIVATION_INL_H_
#endif

#include <cfloat>

#include "decay-inl.h"

HWY_BEFORE_NAMESPACE();
namespace ss {
namespace HWY_NAMESPACE {

/** exp(-|x|) */
HWY_INLINE VF ExpOfMinus(const DecayConstants& k, VF x) {
  const F32 d;
  const VF minus = hn::Neg(hn::Abs(x));
#if HWY_TARGET <= HWY_AVX3
  // Small enough for 0, and within reach; of two operands the maximum is the second one if either is NaN.
  return Decay<false>(k, hn::Max(hn::Set(d, -1000.0f), minus), hn::Set(d, kLog2OfE));
#else
  return Decay<true>(k, minus, hn::Set(d, kLog2OfE));
#endif
}

/**
 * log(1 + e^x) = max(x, 0) + log(1 + e) with e = exp(-|x|), which cannot overflow; log(1 + e) = e (1 + e Q(e)) on
 * [0, 1] with Q minimax of degree 7, relative error 3.3e-8. No division: one takes as long as all the rest.
 */
HWY_INLINE VF StepFrom(VF x, VF e) {
  const F32 d;
  const VF e2 = hn::Mul(e, e);
  const VF e4 = hn::Mul(e2, e2);
  const VF q0 = hn::MulAdd(hn::Set(d, 0.333213221f), e, hn::Set(d, -0.499996479f));
  const VF q1 = hn::MulAdd(hn::Set(d, 0.191536342f), e, hn::Set(d, -0.248571588f));
  const VF q2 = hn::MulAdd(hn::Set(d, 0.0792039302f), e, hn::Set(d, -0.137537543f));
  const VF q3 = hn::MulAdd(hn::Set(d, 0.00536472149f), e, hn::Set(d, -0.0300653992f));
  const VF q = hn::MulAdd(hn::MulAdd(q3, e2, q2), e4, hn::MulAdd(q1, e2, q0));
  return hn::Add(hn::Max(x, hn::Zero(d)), hn::MulAdd(q, e2, e));
}

HWY_INLINE VF StepOf(const DecayConstants& k, VF x) { return StepFrom(x, ExpOfMinus(k, x)); }

/** The slope of {@link StepOf}, 1 / (1 + e^-x), and its value, out of one exponential. */
struct StepAndSlope {
  VF step, slope;
};
HWY_INLINE StepAndSlope StepAndSlopeOf(const DecayConstants& k, VF x) {
  const F32 d;
  const VF one = hn::Set(d, 1.0f);
  const VF e = ExpOfMinus(k, x);
  const VF slope = hn::Div(hn::IfThenElse(hn::Ge(x, hn::Zero(d)), one, e), hn::Add(one, e));
  return {StepFrom(x, e), slope};
}

#if HWY_TARGET <= HWY_AVX3

/**
 * 1 / (1 + e^-x) by an estimate of the reciprocal and a step of Newton's (relative error 2^-27): a division takes as
 * long as all the rest. Where x is limited the value is 1, or below 2e-38.
 */
HWY_INLINE VF SigmoidOf(const DecayConstants& k, VF x) {
  const F32 d;
  // Of two operands the minimum and the maximum are the second one if either is NaN.
  const VF limited = hn::Min(hn::Set(d, 1000.0f), hn::Max(hn::Set(d, -87.0f), x));
  const VF below = hn::Add(hn::Set(d, 1.0f), Decay<false>(k, limited, hn::Set(d, -kLog2OfE)));
  const VF estimate{_mm512_maskz_rcp14_ps(0xffff, below.raw)};
  return hn::Mul(estimate, hn::NegMulAdd(below, estimate, hn::Set(d, 2.0f)));
}

/** x / (1 + e^-x); 0 at -infinity, where the product itself would be infinite. */
HWY_INLINE VF SiluOf(const DecayConstants& k, VF x) {
  return hn::Mul(hn::Max(hn::Set(F32(), -1000.0f), x), SigmoidOf(k, x));
}

#else

/** 1 / (1 + e^-x) */
HWY_INLINE VF SigmoidOf(const DecayConstants& k, VF x) {
  const F32 d;
  const VF one = hn::Set(d, 1.0f);
  return hn::Div(one, hn::Add(one, Decay<true>(k, x, hn::Set(d, -kLog2OfE))));
}

/** x / (1 + e^-x); 0 at -infinity, where the quotient itself would be NaN. */
HWY_INLINE VF SiluOf(const DecayConstants& k, VF x) {
  const F32 d;
  const VF below = hn::Add(hn::Set(d, 1.0f), Decay<true>(k, x, hn::Set(d, -kLog2OfE)));
  return hn::Div(hn::Max(x, hn::Set(d, -FLT_MAX)), below);
}

#endif

/** {@link SiluOf} and its slope, out of one sigmoid; the slope is 0 at -infinity and 1 at infinity. */
struct SiluAndSlope {
  VF value, slope;
};
HWY_INLINE SiluAndSlope SiluAndSlopeOf(const DecayConstants& k, VF x) {
  const F32 d;
  const VF one = hn::Set(d, 1.0f);
  const VF sigmoid = SigmoidOf(k, x);
  // Where x is limited the sigmoid is 0 or 1, as far as anybody can tell.
  const VF above = hn::Max(hn::Set(d, -1000.0f), x);
  const VF limited = hn::Min(hn::Set(d, 1000.0f), above);
  return {hn::Mul(above, sigmoid), hn::Mul(sigmoid, hn::MulAdd(limited, hn::Sub(one, sigmoid), one))};
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace ss
HWY_AFTER_NAMESPACE();

#endif
