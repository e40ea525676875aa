import { constant, exp, ONE } from './exponential';
import { madd } from './vector';

/** log(1 + e) = e (1 + e Q(e)) on [0, 1]: minimax Q of degree 7, relative error 3.3e-8. */
const q = memory.data<f32>([
  -0.4999964794563686, 0.33321322111469304, -0.24857158922942138, 0.19153634182416196,
  -0.137537543185253, 0.07920393015423527, -0.030065399244986104, 0.005364721485394914,
]);

// @ts-ignore: decorator
@inline
function coefficient(k: usize): v128 {
  return v128.load32_splat(q + (k << 2));
}

/** log(1 + e) for e in [0, 1]. */
// @ts-ignore: decorator
@inline
export function logOnePlus(e: v128): v128 {
  const e2 = f32x4.mul(e, e);
  const e4 = f32x4.mul(e2, e2);
  const low = madd(madd(coefficient(3), e, coefficient(2)), e2, madd(coefficient(1), e, coefficient(0)));
  const high = madd(madd(coefficient(7), e, coefficient(6)), e2, madd(coefficient(5), e, coefficient(4)));
  return madd(madd(high, e4, low), e2, e);
}

/** log(1 + e^x) as max(x, 0) + log1p(e^-|x|), which cannot overflow. */
// @ts-ignore: decorator
@inline
export function softplus(x: v128): v128 {
  return f32x4.add(f32x4.pmax(x, f32x4.splat(0)), logOnePlus(exp(f32x4.neg(f32x4.abs(x)))));
}

/** d silu / dx = s (1 + x (1 - s)) with s = 1 / (1 + e^-x); 0 and 1 in the limits, which are those of the largest numbers. */
// @ts-ignore: decorator
@inline
export function siluSlope(x: v128): v128 {
  x = f32x4.pmin(f32x4.pmax(x, f32x4.splat(-f32.MAX_VALUE)), f32x4.splat(f32.MAX_VALUE));
  const one = constant(ONE);
  const s = f32x4.div(one, f32x4.add(one, exp(f32x4.neg(x))));
  return f32x4.mul(s, madd(x, f32x4.sub(one, s), one));
}

/** x / (1 + e^-x); the limit 0 at -infinity, where the quotient itself would be NaN. */
// @ts-ignore: decorator
@inline
export function silu(x: v128): v128 {
  return f32x4.div(f32x4.pmax(x, f32x4.splat(-f32.MAX_VALUE)), f32x4.add(constant(ONE), exp(f32x4.neg(x))));
}
