/** dtype codes, as the host writes them; see `src/kernels/dtype-code.ts`. */
// @ts-ignore: decorator
@inline export const F32: u32 = 0;
// @ts-ignore: decorator
@inline export const F16: u32 = 1;
// @ts-ignore: decorator
@inline export const BF16: u32 = 2;
// @ts-ignore: decorator
@inline export const F64: u32 = 3;
// @ts-ignore: decorator
@inline export const I64: u32 = 4;
// @ts-ignore: decorator
@inline export const I32: u32 = 5;
// @ts-ignore: decorator
@inline export const U32: u32 = 6;
// @ts-ignore: decorator
@inline export const I8: u32 = 7;
// @ts-ignore: decorator
@inline export const U8: u32 = 8;

// @ts-ignore: decorator
@inline
export function bytesOf(dtype: u32): u32 {
  if (dtype == F16 || dtype == BF16) return 2;
  if (dtype == F64 || dtype == I64) return 8;
  return dtype >= I8 ? 1 : 4;
}

/** In memory rather than immediates, which V8 would rebuild at each use. */
const widening = memory.data<u32>([0x7fff, (127 + 112) << 23, 0x7bff, 0x7f800000]);

/** Four f16 in the low halves of the lanes, widened exactly: infinities, NaN and subnormals included. */
// @ts-ignore: decorator
@inline
export function widenF16(bits: v128): v128 {
  const magnitude = v128.and(bits, v128.load32_splat(widening));
  const sign = i32x4.shl(v128.xor(bits, magnitude), 16);
  // The exponent is 112 too small after the shift; an all-ones one must stay all ones.
  const scaled = f32x4.mul(i32x4.shl(magnitude, 13), v128.load32_splat(widening, 4));
  const special = v128.and(i32x4.gt_s(magnitude, v128.load32_splat(widening, 8)), v128.load32_splat(widening, 12));
  return v128.or(v128.or(scaled, special), sign);
}

/** Four f32 to f16 bits in the low halves of the lanes: to nearest, ties to even, subnormals kept. */
// @ts-ignore: decorator
@inline
export function narrowF16(x: v128): v128 {
  const sign = v128.and(i32x4.shr_u(x, 16), i32x4.splat(0x8000));
  const magnitude = v128.and(x, i32x4.splat(0x7fffffff));
  const tie = v128.and(i32x4.shr_u(magnitude, 13), i32x4.splat(1));
  const normal = i32x4.shr_u(i32x4.sub(i32x4.add(i32x4.add(magnitude, i32x4.splat(0xfff)), tie), i32x4.splat(0x38000000)), 13);
  // Below 2^-14, adding 1/2 leaves the subnormal mantissa, correctly rounded, in the low bits.
  const tiny = i32x4.sub(f32x4.add(magnitude, f32x4.splat(0.5)), i32x4.splat(0x3f000000));
  let bits = v128.bitselect(tiny, normal, i32x4.lt_s(magnitude, i32x4.splat(0x38800000)));
  bits = v128.bitselect(i32x4.splat(0x7c00), bits, i32x4.ge_s(magnitude, i32x4.splat(0x477ff000)));
  bits = v128.bitselect(i32x4.splat(0x7e00), bits, i32x4.gt_s(magnitude, i32x4.splat(0x7f800000)));
  return v128.or(bits, sign);
}

/** Four f32 to bf16 bits in the low halves of the lanes: to nearest, ties to even, NaN kept quiet. */
// @ts-ignore: decorator
@inline
export function narrowBf16(x: v128): v128 {
  const high = i32x4.shr_u(x, 16);
  const tie = v128.and(high, i32x4.splat(1));
  const rounded = i32x4.shr_u(i32x4.add(i32x4.add(x, i32x4.splat(0x7fff)), tie), 16);
  const nan = i32x4.gt_s(v128.and(x, i32x4.splat(0x7fffffff)), i32x4.splat(0x7f800000));
  return v128.bitselect(v128.or(high, i32x4.splat(0x40)), rounded, nan);
}

/** One element as f64. */
export function loadScalar(at: usize, dtype: u32): f64 {
  switch (dtype) {
    case F32: return load<f32>(at);
    case F16: return f32x4.extract_lane(widenF16(i32x4.splat(load<u16>(at))), 0);
    case BF16: return reinterpret<f32>(<u32>load<u16>(at) << 16);
    case F64: return load<f64>(at);
    case I64: return <f64>load<i64>(at);
    case I32: return load<i32>(at);
    case U32: return load<u32>(at);
    case I8: return load<i8>(at);
    default: return load<u8>(at);
  }
}
