const f32 = new Float32Array(1);
const u32 = new Uint32Array(f32.buffer);

/**
 * The f32 bits of a number, cut instead of rounded and with the last bit set when that lost anything: rounding
 * these again to half the width gives what rounding the number once would (Boldo & Melquiond 2008).
 */
function oddBits(value: number): number {
  f32[0] = value;
  const rounded = f32[0]!;
  const bits = u32[0]!;
  if (rounded === value || Number.isNaN(value)) return bits;
  return (Math.abs(rounded) > Math.abs(value) ? bits - 1 : bits) | 1;
}

/** A number to bf16 bits, round to nearest, ties to even; NaN stays NaN. */
export function toBf16(value: number): number {
  const bits = oddBits(value);
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40;
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

/** bf16 bits to a number, exactly. */
export function fromBf16(bits: number): number {
  u32[0] = bits << 16;
  return f32[0]!;
}

/** A number to f16 bits, round to nearest, ties to even; subnormals kept. */
export function toF16(value: number): number {
  const bits = oddBits(value);
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude < 0x38800000) {
    // Below 2^-14: adding 2^-1 in f32 leaves the subnormal f16 mantissa, correctly rounded, in the low bits.
    u32[0] = magnitude;
    f32[0] = f32[0]! + 0.5;
    return sign | (u32[0]! - 0x3f000000);
  }
  const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1);
  return sign | ((rounded - 0x38000000) >>> 13);
}

/** f16 bits to a number, exactly. */
export function fromF16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 31;
  const mantissa = bits & 0x3ff;
  if (exponent === 0) return sign * mantissa * 2 ** -24;
  if (exponent === 31) return mantissa === 0 ? sign * Infinity : NaN;
  return sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
}
