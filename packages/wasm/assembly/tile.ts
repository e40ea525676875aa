import { BF16, F16, F32, I8 } from './dtype';
import { highOutputs, loadStep, lowOutputs, panelStep } from './panel';
import { madd } from './vector';

/*
 * rows x 8 outputs in registers. V8 hands out 15 vector registers: 12 accumulators, two vectors of weights and
 * a broadcast x fill them when the multiply-add is one instruction. Otherwise the product needs one as well, and
 * a sixth row would send an accumulator through memory at every k, at half the speed.
 */

// @ts-ignore: decorator
@inline
export const TILE_ROWS: u32 = ASC_FEATURE_RELAXED_SIMD ? 6 : 5;

/** out [rows][8] = x [k][rows] times a panel [k][8]. Every output is one chain of multiply-adds over k. */
export function multiplyTile(out: usize, x: usize, panel: usize, dtype: u32, K: u32, rows: u32): void {
  if (dtype == BF16) multiplyBf16(out, x, panel, K, rows);
  else if (dtype == I8) multiplyI8(out, x, panel, K, rows);
  else if (dtype == F16) multiplyF16(out, x, panel, K, rows);
  else multiplyF32(out, x, panel, K, rows);
}

// A function for each format, or Binaryen folds the loops into one that asks for the format at every step.
function multiplyF32(out: usize, x: usize, panel: usize, K: u32, rows: u32): void {
  multiplyRows(out, x, panel, K, rows, F32);
}

function multiplyBf16(out: usize, x: usize, panel: usize, K: u32, rows: u32): void {
  multiplyRows(out, x, panel, K, rows, BF16);
}

function multiplyF16(out: usize, x: usize, panel: usize, K: u32, rows: u32): void {
  multiplyRows(out, x, panel, K, rows, F16);
}

function multiplyI8(out: usize, x: usize, panel: usize, K: u32, rows: u32): void {
  multiplyRows(out, x, panel, K, rows, I8);
}

/** Every row count once: two equal branches would be folded in the same way, over the number of rows. */
// @ts-ignore: decorator
@inline
function multiplyRows(out: usize, x: usize, panel: usize, K: u32, rows: u32, dtype: u32): void {
  if (rows == TILE_ROWS) tile(out, x, panel, K, TILE_ROWS, dtype);
  else if (rows == 1) tile(out, x, panel, K, 1, dtype);
  else if (rows == 2) tile(out, x, panel, K, 2, dtype);
  else if (rows == 3) tile(out, x, panel, K, 3, dtype);
  else if (rows == 4) tile(out, x, panel, K, 4, dtype);
  else if (TILE_ROWS > 5) tile(out, x, panel, K, 5, dtype);
}

/** `rows` and `dtype` are literals, so that what is not needed is not compiled. */
// @ts-ignore: decorator
@inline
function tile(out: usize, x: usize, panel: usize, K: u32, rows: u32, dtype: u32): void {
  const step = panelStep(dtype);
  const zero = f32x4.splat(0);
  let a0 = zero, a1 = zero, b0 = zero, b1 = zero, c0 = zero, c1 = zero;
  let d0 = zero, d1 = zero, e0 = zero, e1 = zero, f0 = zero, f1 = zero;
  for (const end = panel + K * step; panel < end; panel += step, x += rows << 2) {
    let w0 = loadStep(panel, dtype), w1: v128;
    if (dtype == F32) {
      w1 = v128.load(panel, 16);
    } else {
      w1 = highOutputs(w0, dtype);
      w0 = lowOutputs(w0, dtype);
    }
    const xa = v128.load32_splat(x);
    a0 = madd(xa, w0, a0);
    a1 = madd(xa, w1, a1);
    if (rows > 1) {
      const xb = v128.load32_splat(x, 4);
      b0 = madd(xb, w0, b0);
      b1 = madd(xb, w1, b1);
    }
    if (rows > 2) {
      const xc = v128.load32_splat(x, 8);
      c0 = madd(xc, w0, c0);
      c1 = madd(xc, w1, c1);
    }
    if (rows > 3) {
      const xd = v128.load32_splat(x, 12);
      d0 = madd(xd, w0, d0);
      d1 = madd(xd, w1, d1);
    }
    if (rows > 4) {
      const xe = v128.load32_splat(x, 16);
      e0 = madd(xe, w0, e0);
      e1 = madd(xe, w1, e1);
    }
    if (rows > 5) {
      const xf = v128.load32_splat(x, 20);
      f0 = madd(xf, w0, f0);
      f1 = madd(xf, w1, f1);
    }
  }
  v128.store(out, a0);
  v128.store(out, a1, 16);
  if (rows > 1) { v128.store(out, b0, 32); v128.store(out, b1, 48); }
  if (rows > 2) { v128.store(out, c0, 64); v128.store(out, c1, 80); }
  if (rows > 3) { v128.store(out, d0, 96); v128.store(out, d1, 112); }
  if (rows > 4) { v128.store(out, e0, 128); v128.store(out, e1, 144); }
  if (rows > 5) { v128.store(out, f0, 160); v128.store(out, f1, 176); }
}
