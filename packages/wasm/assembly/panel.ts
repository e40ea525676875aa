import { PackArgs } from './args';
import { BF16, F16, F32, I8, loadScalar, narrowBf16, narrowF16 } from './dtype';
import { minimum } from './vector';

/*
 * A packed weight (M, K) is a list of panels of 8 outputs, each [k][8], the last one filled up with zeros. The
 * same panels serve one row of x (a stream of weights) and many (tiles of 6 x 8), and a row of the weight can
 * be looked up in them. In the 16-bit formats outputs 0..3 sit in the even places and 4..7 in the odd ones, so
 * that the two vectors come out of a load by a shift and a mask. Numbers in f16 panels are finite.
 *
 * | format        | holds                                           | bytes of (M, K)         |
 * | wasm:f32x8    | f32                                             | ceil(M / 8) * 8 * K * 4 |
 * | wasm:bf16x8   | bf16                                            | ceil(M / 8) * 8 * K * 2 |
 * | wasm:f16x8    | f16; what is infinite or NaN must become f32x8  | ceil(M / 8) * 8 * K * 2 |
 * | wasm:i8x8     | i8 in the places of 16 bits, f32 scales behind  | ceil(M / 8) * 8 * (K + 4) |
 *
 * In i8 panels weight = q * scale with |q| <= 127 and the scale of a row max|w| / 127; the scales [8] of all
 * panels follow the last panel.
 */

export const PANEL: u32 = 8;

/** Bytes of one k of a panel. */
// @ts-ignore: decorator
@inline
export function panelStep(dtype: u32): usize {
  if (dtype == I8) return PANEL;
  return dtype == F32 ? PANEL * 4 : PANEL * 2;
}

/** Where the scale of output `m` of an i8 weight (M, K) is. */
// @ts-ignore: decorator
@inline
export function scaleOf(packed: usize, M: u32, K: u32, m: u32): usize {
  return packed + <usize>((M + PANEL - 1) / PANEL) * PANEL * K + (<usize>m << 2);
}

/** One k of a packed panel, as bits that {@link lowOutputs} and {@link highOutputs} take apart. */
// @ts-ignore: decorator
@inline
export function loadStep(panel: usize, dtype: u32): v128 {
  return dtype == I8 ? v128.load8x8_s(panel) : v128.load(panel);
}

/** The one after {@link loadStep}'s. */
// @ts-ignore: decorator
@inline
export function nextStep(panel: usize, dtype: u32): v128 {
  return dtype == I8 ? v128.load8x8_s(panel, 8) : v128.load(panel, 16);
}

/** What i8 outputs carry until their scale undoes it: they stay in the high halves of the lanes. */
export const I8_FACTOR: f32 = 65536;

/** Where output `m` of a panel is, in elements. */
// @ts-ignore: decorator
@inline
export function placeOf(m: u32, dtype: u32): u32 {
  if (dtype == F32) return m;
  return m < 4 ? m << 1 : ((m - 4) << 1) | 1;
}

/** Sign, exponent and mantissa of an f16 that was shifted to where f32 has them; what the exponent lacks. */
const widening = memory.data<u32>([0x8fffe000, (127 + 112) << 23]);

/** A finite f16 in the high half of each lane, as f32; the low half is ignored. */
// @ts-ignore: decorator
@inline
function widenHigh(step: v128): v128 {
  return f32x4.mul(v128.and(i32x4.shr_s(step, 3), v128.load32_splat(widening)), v128.load32_splat(widening, 4));
}

/** Outputs 0..3 of one step of a 16-bit or i8 panel. */
// @ts-ignore: decorator
@inline
export function lowOutputs(step: v128, dtype: u32): v128 {
  const high = i32x4.shl(step, 16);
  if (dtype == I8) return f32x4.convert_i32x4_s(high);
  return dtype == BF16 ? high : widenHigh(high);
}

/** Outputs 4..7 of one step of a 16-bit or i8 panel. */
// @ts-ignore: decorator
@inline
export function highOutputs(step: v128, dtype: u32): v128 {
  // A blend of 16-bit lanes with zero costs less than a mask.
  if (dtype != BF16 && dtype != I8) return widenHigh(step);
  const high = i8x16.shuffle(step, i64x2.splat(0), 16, 17, 2, 3, 20, 21, 6, 7, 24, 25, 10, 11, 28, 29, 14, 15);
  return dtype == I8 ? f32x4.convert_i32x4_s(high) : high;
}

/** A packed 16-bit or i8 panel as f32 [k][8]. */
export function widenPanel(to: usize, panel: usize, dtype: u32, K: u32): void {
  if (dtype == BF16) widenBf16Panel(to, panel, K);
  else if (dtype == I8) widenI8Panel(to, panel, K);
  else widenF16Panel(to, panel, K);
}

function widenBf16Panel(to: usize, panel: usize, K: u32): void {
  widenSteps(to, panel, K, BF16);
}

function widenI8Panel(to: usize, panel: usize, K: u32): void {
  widenSteps(to, panel, K, I8);
}

function widenF16Panel(to: usize, panel: usize, K: u32): void {
  widenSteps(to, panel, K, F16);
}

// @ts-ignore: decorator
@inline
function widenSteps(to: usize, panel: usize, K: u32, dtype: u32): void {
  for (let end = to + (<usize>K << 5); to < end; to += 32, panel += panelStep(dtype)) {
    const step = loadStep(panel, dtype);
    v128.store(to, lowOutputs(step, dtype));
    v128.store(to, highOutputs(step, dtype), 16);
  }
}

/** Up to 8 rows of a weight as it is stored, to f32 [k][8]. */
export function gatherPanel(to: usize, weight: usize, weightM: isize, weightK: isize, dtype: u32, rows: u32, K: u32): void {
  if (dtype == F32 && weightK == 4 && rows == PANEL) {
    gatherQuads(to, weight, weightM, K);
    gatherQuads(to + 16, weight + 4 * weightM, weightM, K);
    return;
  }
  for (let m: u32 = 0; m < PANEL; m++, weight += weightM, to += 4) {
    for (let k: u32 = 0, from = weight, at = to; k < K; k++, from += weightK, at += 32) {
      store<f32>(at, m < rows ? <f32>loadScalar(from, dtype) : 0);
    }
  }
}

/** Four contiguous f32 rows into four of the eight places of a panel, by transposing 4 x 4 blocks. */
function gatherQuads(to: usize, row: usize, stride: isize, K: u32): void {
  const row1 = row + stride, row2 = row1 + stride, row3 = row2 + stride;
  let k: usize = 0;
  for (; k + 16 <= <usize>K << 2; k += 16, to += 128) {
    const a = v128.load(row + k), b = v128.load(row1 + k), c = v128.load(row2 + k), d = v128.load(row3 + k);
    const ab = i8x16.shuffle(a, b, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
    const AB = i8x16.shuffle(a, b, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
    const cd = i8x16.shuffle(c, d, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
    const CD = i8x16.shuffle(c, d, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
    v128.store(to, i8x16.shuffle(ab, cd, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23));
    v128.store(to, i8x16.shuffle(ab, cd, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31), 32);
    v128.store(to, i8x16.shuffle(AB, CD, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23), 64);
    v128.store(to, i8x16.shuffle(AB, CD, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31), 96);
  }
  for (; k < <usize>K << 2; k += 4, to += 32) {
    store<f32>(to, load<f32>(row + k));
    store<f32>(to, load<f32>(row1 + k), 4);
    store<f32>(to, load<f32>(row2 + k), 8);
    store<f32>(to, load<f32>(row3 + k), 12);
  }
}

/** What {@link pack} returns when a weight that is to be stored as f16 or i8 holds an infinity or NaN. */
export const PACK_NOT_FINITE: u32 = 2;

/** One unit is a panel. Scratch: one panel in f32. */
export function pack(args: usize, begin: u32, end: u32, scratch: usize): u32 {
  const a = changetype<PackArgs>(args);
  const step = panelStep(a.packedType);
  for (let p = begin; p < end; p++) {
    const m = p * PANEL;
    const to = a.packed + p * a.K * step;
    const values = a.packedType == F32 ? to : scratch;
    gatherPanel(values, a.weight + m * a.weightM, a.weightM, a.weightK, a.weightType, minimum(PANEL, a.M - m), a.K);
    if (a.packedType == F32) continue;
    if (a.packedType != BF16 && !isFinitePanel(values, a.K, a.packedType == I8 ? Infinity : 65520)) return PACK_NOT_FINITE;
    if (a.packedType == I8) quantizePanel(to, scaleOf(a.packed, a.M, a.K, m), values, a.K);
    else narrowPanel(to, values, a.packedType == BF16, a.K);
  }
  return 0;
}

function isFinitePanel(from: usize, K: u32, limit: f32): bool {
  for (const end = from + (<usize>K << 5); from < end; from += 16) {
    if (!i32x4.all_true(f32x4.lt(f32x4.abs(v128.load(from)), f32x4.splat(limit)))) return false;
  }
  return true;
}

function narrowPanel(to: usize, from: usize, bf16: bool, K: u32): void {
  for (let k: u32 = 0; k < K; k++, from += 32, to += 16) {
    const low = v128.load(from), high = v128.load(from, 16);
    const lowBits = bf16 ? narrowBf16(low) : narrowF16(low);
    const highBits = bf16 ? narrowBf16(high) : narrowF16(high);
    v128.store(to, v128.or(lowBits, i32x4.shl(highBits, 16)));
  }
}

/** Two vectors of q = w / scale to nearest; a row of zeros has scale 0 and stays zeros. */
function quantizePanel(to: usize, scales: usize, from: usize, K: u32): void {
  const end = from + (<usize>K << 5);
  let low = f32x4.splat(0), high = f32x4.splat(0);
  for (let at = from; at < end; at += 32) {
    low = f32x4.max(low, f32x4.abs(v128.load(at)));
    high = f32x4.max(high, f32x4.abs(v128.load(at, 16)));
  }
  low = f32x4.div(low, f32x4.splat(127));
  high = f32x4.div(high, f32x4.splat(127));
  v128.store(scales, low);
  v128.store(scales, high, 16);
  for (; from < end; from += 32, to += PANEL) {
    const lowBits = v128.and(quantize(v128.load(from), low), i32x4.splat(0xff));
    const bits = v128.or(lowBits, i32x4.shl(quantize(v128.load(from, 16), high), 8));
    v128.store64_lane(to, i8x16.swizzle(bits, i8x16(0, 1, 4, 5, 8, 9, 12, 13, 0, 0, 0, 0, 0, 0, 0, 0)), 0);
  }
}

// @ts-ignore: decorator
@inline
function quantize(w: v128, scale: v128): v128 {
  // 0 / 0 becomes 0; only a subnormal scale, which is inexact, gives more than 127.
  const q = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.div(w, scale)));
  return i32x4.max_s(i32x4.min_s(q, i32x4.splat(127)), i32x4.splat(-127));
}
