/** a * b + c, in one rounding where the machine has it (relaxed SIMD), in two otherwise. */
// @ts-ignore: decorator
@inline
export function madd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}

/** Bytes of a vector of four f32. */
// @ts-ignore: decorator
@inline
export const VECTOR: usize = 16;

/** The next multiple of `step`, a power of two. */
// @ts-ignore: decorator
@inline
export function roundUp(n: u32, step: u32): u32 {
  return (n + step - 1) & ~(step - 1);
}

// @ts-ignore: decorator
@inline
export function minimum(a: u32, b: u32): u32 {
  return a < b ? a : b;
}
