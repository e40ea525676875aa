/**
 * Functions of every kernel. The exponential is this one everywhere: what WGSL promises of its own differs from device to
 * device, and errors of `exp(dt A)` pile up over a sequence. NaN is told by its bits, since compilers may assume
 * that there is none.
 */
export const math = `
const LOG2E = 1.44269504;
fn is_nan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }

// 2^k for whole k from -126 to 127.
fn power_of_two(k: f32) -> f32 { return bitcast<f32>(u32(i32(k) + 127) << 23u); }

// Cephes' expf: x = k ln 2 + r with |r| <= ln 2 / 2, and a polynomial in r. About one unit in the last place.
fn exp_(x: f32) -> f32 {
  let c = clamp(x, -104.0, 89.0);
  let k = floor(c * LOG2E + 0.5);
  var r = c - k * 0.693359375;
  r = r + k * 2.12194440e-4;
  var p = 1.9875691500e-4;
  p = p * r + 1.3981999507e-3;
  p = p * r + 8.3334519073e-3;
  p = p * r + 4.1665795894e-2;
  p = p * r + 1.6666665459e-1;
  p = p * r + 5.0000001201e-1;
  p = p * (r * r) + r + 1.0;
  // In two factors, since the ends of the range are beyond one power of two.
  let h = floor(k * 0.5);
  let y = p * power_of_two(h) * power_of_two(k - h);
  return select(y, x, is_nan(x));
}

// 2^x of four numbers: one polynomial of what is left of the nearest whole number, infinite from 2^128 on, zero below
// 2^-127. NaN becomes some number: what is one tells numbers().
fn exp2_4(x: vec4<f32>) -> vec4<f32> {
  let c = clamp(x, vec4<f32>(-127.0), vec4<f32>(129.0));
  let k = min(floor(c + 0.5), vec4<f32>(127.0));
  let r = c - k;
  var p = vec4<f32>(1.535336188e-4);
  p = p * r + 1.339887440e-3;
  p = p * r + 9.618437357e-3;
  p = p * r + 5.550332471e-2;
  p = p * r + 2.402264791e-1;
  p = p * r + 6.931472028e-1;
  p = p * r + 1.0;
  return p * bitcast<vec4<f32>>(vec4<u32>(vec4<i32>(k) + 127) << vec4<u32>(23u));
}
fn numbers(x: vec4<f32>) -> vec4<bool> {
  return (bitcast<vec4<u32>>(x) & vec4<u32>(0x7fffffffu)) <= vec4<u32>(0x7f800000u);
}

// Cephes' logf for normal positive numbers: the mantissa brought to [sqrt(1/2), sqrt(2)], and a polynomial.
fn log_(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  let high = u32((bits & 0x7fffffu) > 0x3504f3u);
  let e = f32(i32(bits >> 23u) - 127 + i32(high));
  let m = bitcast<f32>((bits & 0x7fffffu) | ((127u - high) << 23u)) - 1.0;
  var p = 7.0376836292e-2;
  p = p * m - 1.1514610310e-1;
  p = p * m + 1.1676998740e-1;
  p = p * m - 1.2420140846e-1;
  p = p * m + 1.4249322787e-1;
  p = p * m - 1.6668057665e-1;
  p = p * m + 2.0000714765e-1;
  p = p * m - 2.4999993993e-1;
  p = p * m + 3.3333331174e-1;
  let z = m * m;
  return m + (p * m * z - 2.12194440e-4 * e - 0.5 * z) + 0.693359375 * e;
}

// log(1 + e) for e in [0, 1]: twice the area tangent of s = e / (2 + e), at most 1/3.
fn log1p_(e: f32) -> f32 {
  let s = e / (2.0 + e);
  let q = s * s;
  var p = 1.0 / 15.0;
  p = p * q + 1.0 / 13.0;
  p = p * q + 1.0 / 11.0;
  p = p * q + 1.0 / 9.0;
  p = p * q + 1.0 / 7.0;
  p = p * q + 1.0 / 5.0;
  p = p * q + 1.0 / 3.0;
  return 2.0 * (s + s * q * p);
}

fn softplus_(x: f32) -> f32 {
  let y = max(x, 0.0) + log1p_(exp_(-abs(x)));
  return select(y, x, is_nan(x));
}

fn sigmoid_(x: f32) -> f32 {
  let e = exp_(-abs(x));
  let y = select(e, 1.0, x >= 0.0) / (1.0 + e);
  return select(y, x, is_nan(x));
}

// The limit at -Infinity, where the product is NaN.
fn silu_(x: f32) -> f32 {
  let s = sigmoid_(x);
  return select(x * s, 0.0, s == 0.0);
}

// The limits 0 and 1 where the product of one minus one and infinity is NaN.
fn silu_slope(x: f32) -> f32 {
  let s = sigmoid_(x);
  return select(s * (1.0 + x * (1.0 - s)), s, s == 0.0 || s == 1.0);
}

// The half in the low 16 bits; subnormals, infinities and NaN as they are.
fn f16_value(half: u32) -> f32 {
  let sign = (half & 0x8000u) << 16u;
  let exponent = (half >> 10u) & 31u;
  let mantissa = half & 0x3ffu;
  let normal = ((exponent + 112u) << 23u) | (mantissa << 13u);
  let beyond = 0x7f800000u | (mantissa << 13u);
  let subnormal = bitcast<u32>(f32(mantissa) * 0x1p-24f);
  let size = select(select(normal, beyond, exponent == 31u), subnormal, exponent == 0u);
  return bitcast<f32>(sign | size);
}

// To the nearest, ties to even; NaN stays NaN.
fn f16_bits(x: f32) -> u32 {
  let bits = bitcast<u32>(x);
  let sign = (bits >> 16u) & 0x8000u;
  let size = bits & 0x7fffffffu;
  // Below 2^-14, adding 2^-1 leaves the subnormal mantissa, correctly rounded, in the low bits.
  let subnormal = bitcast<u32>(bitcast<f32>(min(size, 0x38800000u)) + 0.5) - 0x3f000000u;
  let normal = (size + 0xfffu + ((size >> 13u) & 1u) - 0x38000000u) >> 13u;
  var half = select(normal, subnormal, size < 0x38800000u);
  half = select(half, 0x7c00u, size >= 0x477ff000u);
  half = select(half, 0x7e00u, size > 0x7f800000u);
  return sign | half;
}

fn bf16_bits(x: f32) -> u32 {
  let bits = bitcast<u32>(x);
  let rounded = (bits + 0x7fffu + ((bits >> 16u) & 1u)) >> 16u;
  return select(rounded, (bits >> 16u) | 0x40u, (bits & 0x7fffffffu) > 0x7f800000u);
}
`;
