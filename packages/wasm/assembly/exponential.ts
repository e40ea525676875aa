import { madd } from './vector';

/*
 * 2^x as 2^r * p(f) with r the nearest integer and f = x - r in [-1/2, 1/2].
 *
 * p(f) = 1 + ln2 f + c2 f^2 + ... + c5 f^5: the constant and linear terms are exact, so that a decay close
 * to 1 keeps its distance from 1 over a long sequence; c2..c5 are the minimax solution under that constraint
 * (relative error 1.05e-7). Adding 1.5 * 2^23 rounds to an integer and leaves it in the low mantissa bits.
 *
 * At r = -127 the exponent field becomes 0 and p(0) = 1 turns into +0; at r = 128 it becomes infinity. So the
 * two clamps give exactly 0 and infinity beyond the range. NaN passes them, and what is left of it is NaN if its low
 * bits are 0, as they are of NaN that comes from numbers: adding r to the exponent must not carry them away.
 *
 * The constants come from memory on purpose: V8 rebuilds an immediate vector at each use (three instructions)
 * but keeps a loaded one in a register.
 */
const constants = memory.data<f32>([
  -127.0, 128.0, 12582912.0,
  0.001330060616037809, 0.009669691467830711, 0.05550558341284826, 0.24022281977092655, 0.6931471805599453, 1.0,
  1.4426950408889634, 0.0, 20.0,
]);

// @ts-ignore: decorator
@inline export const LOWEST: usize = 0;
// @ts-ignore: decorator
@inline export const HIGHEST: usize = 4;
// @ts-ignore: decorator
@inline export const ROUNDER: usize = 8;
// @ts-ignore: decorator
@inline export const C5: usize = 12;
// @ts-ignore: decorator
@inline export const C4: usize = 16;
// @ts-ignore: decorator
@inline export const C3: usize = 20;
// @ts-ignore: decorator
@inline export const C2: usize = 24;
// @ts-ignore: decorator
@inline export const C1: usize = 28;
// @ts-ignore: decorator
@inline export const ONE: usize = 32;
// @ts-ignore: decorator
@inline export const LOG2E: usize = 36;

/** One of the constants in every lane; taken into a local before a hot loop. */
// @ts-ignore: decorator
@inline
export function constant(which: usize): v128 {
  return v128.load32_splat(constants + which);
}

/** -127 <= x <= 128, or NaN. */
// @ts-ignore: decorator
@inline
export function clamp(x: v128, lowest: v128, highest: v128): v128 {
  return f32x4.pmin(f32x4.pmax(x, lowest), highest);
}

/** 2^x for clamped x, or x known to lie in [-126, 126], with the constants in registers. */
// @ts-ignore: decorator
@inline
export function exp2Within(x: v128, rounder: v128, c5: v128, c4: v128, c3: v128, c2: v128, c1: v128, one: v128): v128 {
  const r = f32x4.add(x, rounder);
  const f = f32x4.sub(x, f32x4.sub(r, rounder));
  const scale = i32x4.shl(r, 23);
  let p: v128;
  if (ASC_FEATURE_RELAXED_SIMD) {
    p = madd(c5, f, c4);
    p = madd(p, f, c3);
    p = madd(p, f, c2);
    p = madd(p, f, c1);
    p = madd(p, f, one);
  } else {
    // Without a fused multiply-add Horner's chain is twice as long; Estrin's order was 12 % faster.
    const ff = f32x4.mul(f, f);
    p = madd(madd(madd(c5, f, c4), ff, madd(c3, f, c2)), ff, madd(c1, f, one));
  }
  return i32x4.add(p, scale);
}

/** NaN as arithmetic makes it, in place of any other. */
// @ts-ignore: decorator
@inline
export function plainNaN(x: v128): v128 {
  return v128.bitselect(x, f32x4.splat(NaN), f32x4.eq(x, x));
}

/** 2^x. */
// @ts-ignore: decorator
@inline
export function exp2(x: v128): v128 {
  x = plainNaN(x);
  return exp2Within(
    clamp(x, constant(LOWEST), constant(HIGHEST)), constant(ROUNDER),
    constant(C5), constant(C4), constant(C3), constant(C2), constant(C1), constant(ONE),
  );
}

/** e^x; relative error grows with |x| as the rounding of x log2(e) does. */
// @ts-ignore: decorator
@inline
export function exp(x: v128): v128 {
  return exp2(f32x4.mul(x, constant(LOG2E)));
}
