// Elementary functions over vectors of f32, once for each instruction set.
#if defined(SS_MATH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SS_MATH_INL_H_
#undef SS_MATH_INL_H_
#else
#define SS_MATH_INL_H_
#endif

#include <cfloat>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace ss {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/** log2(e): the states of a scan keep A times this, so that its exponential is a power of two. */
inline constexpr float kLog2e = 1.44269504088896340736f;

/**
 * 2^(r + f) with r an integer in [-151, 129] and |f| <= 1/2: 2^f by the minimax polynomial of degree 6, times 2^r
 * in two factors, so that neither leaves the range while the product is a denormal.
 */
template <class D, class V = hn::Vec<D>>
HWY_INLINE V TwoToThe(D d, V r, V f) {
  const hn::RebindToSigned<D> di;
  V p = hn::Set(d, 1.5353362e-4f);
  p = hn::MulAdd(p, f, hn::Set(d, 1.3398874e-3f));
  p = hn::MulAdd(p, f, hn::Set(d, 9.6184373e-3f));
  p = hn::MulAdd(p, f, hn::Set(d, 5.5503324e-2f));
  p = hn::MulAdd(p, f, hn::Set(d, 2.4022648e-1f));
  p = hn::MulAdd(p, f, hn::Set(d, 6.9314720e-1f));
  p = hn::MulAdd(p, f, hn::Set(d, 1.0f));
  const auto exponent = hn::ConvertTo(di, r);
  const auto half = hn::ShiftRight<1>(exponent);
  const auto bias = hn::Set(di, 127);
  const V first = hn::BitCast(d, hn::ShiftLeft<23>(hn::Add(half, bias)));
  const V second = hn::BitCast(d, hn::ShiftLeft<23>(hn::Add(hn::Sub(exponent, half), bias)));
  return hn::Mul(hn::Mul(p, first), second);
}

/** 2^x within 2 units in the last place, without branches: 0 below -150, infinity above 128, NaN stays NaN. */
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Exp2(D d, V x) {
  const V clamped = hn::Min(hn::Max(x, hn::Set(d, -151.0f)), hn::Set(d, 129.0f));
  const V r = hn::Round(clamped);
  return hn::IfThenElse(hn::Eq(x, x), TwoToThe(d, r, hn::Sub(clamped, r)), x);
}

/** exp(x) within 2 units in the last place where there is FMA; as {@link Exp2} otherwise. */
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Exp(D d, V x) {
  // x log2(e) = r + f; what the rounding of the product and of log2(e) would lose comes back in f.
  const V clamped = hn::Min(hn::Max(x, hn::Set(d, -104.0f)), hn::Set(d, 89.0f));
  const V r = hn::Round(hn::Mul(clamped, hn::Set(d, kLog2e)));
  const V f = hn::MulAdd(clamped, hn::Set(d, 1.92596299e-8f), hn::MulSub(clamped, hn::Set(d, kLog2e), r));
  return hn::IfThenElse(hn::Eq(x, x), TwoToThe(d, r, f), x);
}

/** log(1 + x) for x in [0, 1], within 3 units in the last place. */
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Log1pOfUnit(D d, V x) {
  // log(1 + x) = 2 atanh(s) with s = x / (2 + x) in [0, 1/3]: an odd series that keeps tiny x exact.
  const V s = hn::Div(x, hn::Add(x, hn::Set(d, 2.0f)));
  const V q = hn::Mul(s, s);
  V p = hn::Set(d, 2.0f / 15);
  p = hn::MulAdd(p, q, hn::Set(d, 2.0f / 13));
  p = hn::MulAdd(p, q, hn::Set(d, 2.0f / 11));
  p = hn::MulAdd(p, q, hn::Set(d, 2.0f / 9));
  p = hn::MulAdd(p, q, hn::Set(d, 2.0f / 7));
  p = hn::MulAdd(p, q, hn::Set(d, 2.0f / 5));
  p = hn::MulAdd(p, q, hn::Set(d, 2.0f / 3));
  const V cube = hn::Mul(q, s);
  return hn::MulAdd(p, cube, hn::Add(s, s));
}

/** log(1 + exp(x)) = max(x, 0) + log1p(exp(-|x|)): exact for large |x|, never an overflow. */
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Softplus(D d, V x) {
  const V tail = Log1pOfUnit(d, Exp(d, hn::Neg(hn::Abs(x))));
  return hn::IfThenElse(hn::Eq(x, x), hn::Add(hn::Max(x, hn::Zero(d)), tail), x);
}

/** 1 / (1 + exp(-x)) */
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Sigmoid(D d, V x) {
  const V one = hn::Set(d, 1.0f);
  return hn::Div(one, hn::Add(one, Exp(d, hn::Neg(x))));
}

/*
 * Of two operands the minimum and the maximum are the second one if either is NaN, on x64; elsewhere NaN. Limits come
 * first, so that NaN stays NaN.
 */

/** x sigmoid(x) out of both; 0 at -infinity, where the product itself would be NaN. */
template <class D, class V = hn::Vec<D>>
HWY_INLINE V SiluFrom(D d, V x, V sigmoid) {
  return hn::Mul(hn::Max(hn::Set(d, -FLT_MAX), x), sigmoid);
}

/** d silu / dx out of both; 0 at -infinity and 1 at infinity. */
template <class D, class V = hn::Vec<D>>
HWY_INLINE V SiluSlopeFrom(D d, V x, V sigmoid) {
  const V one = hn::Set(d, 1.0f);
  const V limited = hn::Min(hn::Set(d, FLT_MAX), hn::Max(hn::Set(d, -FLT_MAX), x));
  return hn::Mul(sigmoid, hn::MulAdd(limited, hn::Sub(one, sigmoid), one));
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace ss
HWY_AFTER_NAMESPACE();

#endif
