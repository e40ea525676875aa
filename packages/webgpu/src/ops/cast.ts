import { dtypes } from '@ss/core';
import type { DType } from '@ss/core';
import { loadedAs } from '../shader/storage.ts';

/** Functions that casts are made of. */
export const castMath = `
// A whole number of 32 bits as f32: to the nearest, ties to even; or with odd, cut and the last bit set when that lost
// anything, so that rounding it again is as good as rounding once (Boldo & Melquiond 2008).
fn real(m: u32, odd: bool) -> f32 {
  let top = firstLeadingBit(m);
  if (m == 0u || top <= 23u) { return f32(m); }
  let shift = top - 23u;
  let rest = m & ((1u << shift) - 1u);
  let half = 1u << (shift - 1u);
  var q = m >> shift;
  if (odd) { q |= select(0u, 1u, rest != 0u); }
  else if (rest > half || (rest == half && (q & 1u) == 1u)) { q += 1u; }
  return f32(q) * f32(1u << shift);
}

fn real_of_i32(i: i32, odd: bool) -> f32 {
  let size = real(select(bitcast<u32>(i), 0u - bitcast<u32>(i), i < 0), odd);
  return select(size, -size, i < 0);
}

// Towards zero and into the range; NaN is 0.
fn i32_of(x: f32) -> i32 {
  if (is_nan(x)) { return 0; }
  if (x >= 2147483648.0) { return 2147483647; }
  if (x <= -2147483648.0) { return -2147483647 - 1; }
  return i32(x);
}

fn u32_of(x: f32) -> u32 {
  if (is_nan(x) || x <= 0.0) { return 0u; }
  if (x >= 4294967296.0) { return 0xffffffffu; }
  return u32(x);
}
`;

/** The expression that casts `value`, loaded from one dtype, to what another one stores. */
export function castExpression(value: string, from: DType, to: DType): string {
  const [source, target] = [loadedAs(from)!, loadedAs(to)!];
  if (target === 'f32') {
    if (source === 'f32') return value;
    const odd = to !== 'f32';
    return source === 'i32' ? `real_of_i32(${value}, ${odd})` : `real(${value}, ${odd})`;
  }
  const { bytes } = dtypes[to];
  if (target === 'i32') {
    const low = -(2 ** (8 * bytes - 1));
    const high = 2 ** (8 * bytes - 1) - 1;
    const whole =
      source === 'f32' ? `i32_of(${value})` : source === 'u32' ? `i32(min(${value}, 0x7fffffffu))` : value;
    return bytes === 4 ? whole : `clamp(${whole}, ${low}, ${high})`;
  }
  const whole =
    source === 'f32' ? `u32_of(${value})` : source === 'i32' ? `bitcast<u32>(max(${value}, 0))` : value;
  return bytes === 4 ? whole : `min(${whole}, ${2 ** (8 * bytes) - 1}u)`;
}
