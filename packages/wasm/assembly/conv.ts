import { silu } from './activation';
import { ConvArgs } from './args';
import { F32 } from './dtype';
import { clearRow, loadRow, storeRow } from './rows';
import { firstStep, lengthOf, rowOf, sequenceFault, slotOf } from './sequences';
import { madd, minimum, roundUp } from './vector';

/*
 * y[t] = act(bias + sum_k weight[:, k] x[t - W + 1 + k]), lanes on channels.
 *
 * A tile holds W - 1 rows of history and up to `tile` rows of x in f32; output row i reads rows i to i + W - 1 of
 * it. The last W - 1 rows become the history of the next tile, and in the end the final state. The sum always
 * starts at the bias and goes through k in order, so a chunk boundary changes nothing.
 *
 * Scratch, for a span of channels: weights [W][channel], bias, the tile [W - 1 + tile][channel], one row.
 */

/** Channels per unit of work. */
export const CONV_UNIT: u32 = 16;

/** Returns 0, or what {@link sequenceFault} says. */
export function causalConv1d(args: usize, begin: u32, end: u32, scratch: usize): u32 {
  const a = changetype<ConvArgs>(args);
  const fault = sequenceFault(a.S, a.L, a.cuSeqlens, a.stateIndices, a.slots, a.h1BySlot != 0);
  if (fault) return fault;
  const perRow = roundUp(a.D, CONV_UNIT) / CONV_UNIT;
  while (begin < end) {
    const first = begin % perRow;
    const units = minimum(minimum(perRow - first, a.span / CONV_UNIT), end - begin);
    const d = first * CONV_UNIT;
    convolveSpan(a, begin / perRow, d, minimum(units * CONV_UNIT, a.D - d), scratch);
    begin += units;
  }
  return 0;
}

function convolveSpan(a: ConvArgs, s: u32, d: u32, count: u32, scratch: usize): void {
  const b = rowOf(s, a.cuSeqlens);
  const length = lengthOf(s, a.L, a.cuSeqlens);
  const slot = slotOf(s, a.stateIndices);
  const sign: i32 = a.reverse ? -1 : 1;
  const origin = firstStep(s, a.cuSeqlens) + (a.reverse ? length - 1 : 0);
  const past = a.W - 1;
  const lanes = roundUp(count, 4);
  const step: usize = lanes << 2;
  const bias = scratch + a.W * step;
  const tile = bias + step;
  const out = tile + (past + a.tile) * step;
  // Lanes beyond `count` and what is not given are zero.
  clearRow(scratch, (a.W + 1 + past + a.tile + 1) * lanes);

  const xT = sign * a.xT, yT = sign * a.yT;
  let x = a.x + b * a.xB + origin * a.xT + d * a.xD;
  let y = a.y + b * a.yB + origin * a.yT + d * a.yD;
  const h1 = a.h1 ? a.h1 + (a.h1BySlot ? slot : s) * a.h1B + d * a.h1D : 0;
  if (slot < 0) {
    for (let t: u32 = 0; t < length; t++, y += yT) storeRow(y, a.yD, a.dtype, out, count);
    if (h1 && !a.h1BySlot) storeRows(h1, a.h1W, a.h1D, a.h1Type, tile, step, past, count);
    return;
  }
  for (let k: u32 = 0; k < a.W; k++) loadRow(scratch + k * step, a.weight + d * a.weightD + k * a.weightW, a.weightD, a.weightType, count);
  if (a.bias) loadRow(bias, a.bias + d * a.biasD, a.biasD, a.biasType, count);
  if (a.h0) {
    const h0 = a.h0 + slot * a.h0B + d * a.h0D;
    for (let k: u32 = 0; k < past; k++) loadRow(tile + k * step, h0 + k * a.h0W, a.h0D, a.h0Type, count);
  }
  for (let t: u32 = 0; t < length; t += a.tile) {
    const rows = minimum(a.tile, length - t);
    for (let i: u32 = 0; i < rows; i++, x += xT) loadRow(tile + (past + i) * step, x, a.xD, a.dtype, count);
    for (let i: u32 = 0; i < rows; i++, y += yT) {
      const direct = a.dtype == F32 && a.yD == 4 && (count & 3) == 0;
      convolveRow(direct ? y : out, scratch, bias, tile + i * step, step, a.W, a.silu != 0);
      if (!direct) storeRow(y, a.yD, a.dtype, out, count);
    }
    for (let k: u32 = 0; k < past; k++) {
      for (let c: usize = 0; c < step; c += 16) v128.store(tile + k * step + c, v128.load(tile + (k + rows) * step + c));
    }
  }
  if (h1) storeRows(h1, a.h1W, a.h1D, a.h1Type, tile, step, past, count);
}

// @ts-ignore: decorator
@inline
function convolveRow(out: usize, weights: usize, bias: usize, x: usize, step: usize, W: u32, activate: bool): void {
  if (W == 4) {
    const x1 = x + step, x2 = x1 + step, x3 = x2 + step;
    const w1 = weights + step, w2 = w1 + step, w3 = w2 + step;
    for (let c: usize = 0; c < step; c += 16) {
      let sum = madd(v128.load(weights + c), v128.load(x + c), v128.load(bias + c));
      sum = madd(v128.load(w1 + c), v128.load(x1 + c), sum);
      sum = madd(v128.load(w2 + c), v128.load(x2 + c), sum);
      sum = madd(v128.load(w3 + c), v128.load(x3 + c), sum);
      v128.store(out + c, activate ? silu(sum) : sum);
    }
  } else {
    for (let c: usize = 0; c < step; c += 16) {
      let sum = v128.load(bias + c);
      for (let at = c, end = W * step; at < end; at += step) sum = madd(v128.load(weights + at), v128.load(x + at), sum);
      v128.store(out + c, activate ? silu(sum) : sum);
    }
  }
}

function storeRows(to: usize, rowStride: isize, stride: isize, dtype: u32, from: usize, step: usize, rows: u32, count: u32): void {
  for (let k: u32 = 0; k < rows; k++, to += rowStride, from += step) storeRow(to, stride, dtype, from, count);
}
