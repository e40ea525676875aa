import { ConvBackwardArgs } from './args';
import { siluSlope } from './activation';
import { clearRow, loadRow, storeRow } from './rows';
import { firstStep, lengthOf, rowOf, sequenceFault, slotOf } from './sequences';
import { madd, minimum } from './vector';

/*
 * The gradient of the causal convolution. With the padded input p = [initial state, x] in the order of the
 * walk, s_t = bias + sum_k w_k p_{t+k} and ds_t = dy_t silu'(s_t), one pass over time with rings of the last W
 * columns of p and ds gives dp_t = sum_k w_k ds_{t-k}, dw_k = sum_t ds_t p_{t+k} and dbias = sum_t ds_t.
 * One unit of work is 8 channels of one sequence; dw and dbias are parts per sequence, for `sumParts`.
 */

// @ts-ignore: decorator
@inline const BLOCK: u32 = 8;
// @ts-ignore: decorator
@inline const ROW: usize = 32;

/** @returns 1 + the index of a sequence whose bounds or state are outside */
export function causalConv1dBackward(args: usize, begin: u32, end: u32, scratch: usize): u32 {
  const a = changetype<ConvBackwardArgs>(args);
  const fault = sequenceFault(a.S, a.L, a.cuSeqlens, a.stateIndices, a.slots, false);
  if (fault) return fault;
  const perSequence = (a.D + BLOCK - 1) / BLOCK;
  for (; begin < end; begin++) convBlock(a, begin / perSequence, (begin % perSequence) * BLOCK, scratch);
  return 0;
}

function convBlock(a: ConvBackwardArgs, sequence: u32, d: u32, scratch: usize): void {
  const W = a.W;
  const past = W - 1;
  const count = minimum(BLOCK, a.D - d);
  const batch = rowOf(sequence, a.cuSeqlens);
  const first = firstStep(sequence, a.cuSeqlens);
  const length = lengthOf(sequence, a.L, a.cuSeqlens);
  const slot = slotOf(sequence, a.stateIndices);
  const size: usize = <usize>W * ROW;
  // Rings of W columns, then [k][8] of w and dw.
  const p = scratch, ds = p + size, w = ds + size, dw = w + size, bias = dw + size, dbias = bias + ROW, row = dbias + ROW;
  clearRow(scratch, <u32>((row + ROW - scratch) >> 2));

  const dparts: usize = (<usize>sequence * a.D + d) << 2;
  const x = a.x + batch * a.xB + d * a.xD, dy = a.dy + batch * a.dyB + d * a.dyD, dx = a.dx + batch * a.dxB + d * a.dxD;
  if (slot < 0) {
    for (let t: u32 = 0; t < length; t++) storeRow(dx + (first + t) * a.dxT, a.dxD, a.dtype, row, count);
  } else {
    for (let k: u32 = 0; k < W; k++) loadRow(w + k * ROW, a.weight + d * a.weightD + k * a.weightW, a.weightD, a.weightType, count);
    if (a.bias) loadRow(bias, a.bias + d * a.biasD, a.biasD, a.biasType, count);
    const h0 = a.h0 + <usize>slot * a.h0B + d * a.h0D, dh0 = a.dh0 + <usize>sequence * a.dh0B + d * a.dh0D, dh1 = a.dh1 + sequence * a.dh1B + d * a.dh1D;
    if (a.h0) for (let k: u32 = 0; k < past; k++) loadRow(p + k * ROW, h0 + k * a.h0W, a.h0D, a.h0Type, count);
    for (let t: u32 = 0; t < length + past; t++) {
      const now = ds + (t % W) * ROW;
      if (t < length) {
        const time = first + (a.reverse ? length - 1 - t : t);
        loadRow(p + ((t + past) % W) * ROW, x + time * a.xT, a.xD, a.dtype, count);
        loadRow(now, dy + time * a.dyT, a.dyD, a.dtype, count);
        slope(now, p, w, dw, bias, dbias, t, W, a.silu != 0);
      }
      // dp of column t is complete: no later ds reaches it.
      v128.store(row, f32x4.splat(0));
      v128.store(row, f32x4.splat(0), 16);
      if (t >= length && a.dh1) loadRow(row, dh1 + (t - length) * a.dh1W, a.dh1D, a.dh1Type, count);
      for (let k: u32 = t < length ? 0 : t - length + 1; k < W && k <= t; k++) {
        const from = ds + ((t - k) % W) * ROW;
        v128.store(row, madd(v128.load(w + k * ROW), v128.load(from), v128.load(row)));
        v128.store(row, madd(v128.load(w + k * ROW, 16), v128.load(from, 16), v128.load(row, 16)), 16);
      }
      if (t < past) {
        if (a.dh0) storeRow(dh0 + t * a.dh0W, a.dh0D, a.dh0Type, row, count);
      } else {
        const step = t - past;
        storeRow(dx + (first + (a.reverse ? length - 1 - step : step)) * a.dxT, a.dxD, a.dtype, row, count);
      }
    }
  }
  for (let k: u32 = 0; k < W; k++) storeRow(a.dweight + dparts * W + (k << 2), <isize>(W << 2), 0, dw + k * ROW, count);
  if (a.dbias) storeRow(a.dbias + dparts, 4, 0, dbias, count);
}

/** ds_t out of dy_t, and what it adds to dw and dbias. */
// @ts-ignore: decorator
@inline
function slope(ds: usize, p: usize, w: usize, dw: usize, bias: usize, dbias: usize, t: u32, W: u32, silu: bool): void {
  for (let half: usize = 0; half < 32; half += 16) {
    let g = v128.load(ds + half);
    if (silu) {
      let s = v128.load(bias + half);
      for (let k: u32 = 0; k < W; k++) s = madd(v128.load(w + k * ROW + half), v128.load(p + ((t + k) % W) * ROW + half), s);
      g = f32x4.mul(g, siluSlope(s));
      v128.store(ds + half, g);
    }
    v128.store(dbias + half, f32x4.add(v128.load(dbias + half), g));
    for (let k: u32 = 0; k < W; k++) {
      const at = dw + k * ROW + half;
      v128.store(at, madd(g, v128.load(p + ((t + k) % W) * ROW + half), v128.load(at)));
    }
  }
}
