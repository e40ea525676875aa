import { ScanBackwardArgs } from './args';
import { F32 } from './dtype';
import { plainNaN } from './exponential';
import { clearRow, loadRow, storeRow } from './rows';
import { gradientsOfPair } from './scan-backward-gradients';
import { finishBlock, loadProjections, notFinite, prepareBackward, prepareForward, storeRows } from './scan-backward-rows';
import { openSlice, SCAN_BACKWARD_BLOCK, Slice } from './scan-backward-slice';
import { advancePair, LANES, PROJECTED, remakePair, ROW, SCAN_BACKWARD_TILE, SUM_BYTES, TILE_BYTES } from './scan-backward-states';
import { strangeTile } from './scan-backward-strange';
import { sequenceFault, slotOf } from './sequences';
import { minimum } from './vector';

/*
 * The gradient of the scan; the formulas are derived in core's reference (`selective-scan-backward.ts`).
 *
 * One unit of work is one slice of the channels of one head of one sequence. Going forward, the states at the
 * start of every tile of time steps are kept; going backward, a tile's states are made again, and the cotangent
 * g of the state walks from the tile's end to its start, two states of 8 channels at a time. Nothing of size
 * L x N per channel exists, and nothing is divided by a decay.
 *
 * What channels share (varying B and C) is summed over the channels of a slice in the lanes of an accumulator;
 * every slice writes its own part, and {@link sumParts} adds the parts in their order. The number of slices does
 * not depend on the number of threads, so neither do the bits.
 */

// @ts-ignore: decorator
@inline const TILE: u32 = SCAN_BACKWARD_TILE;

/** @returns 1 + the index of a sequence whose bounds or state are outside */
export function selectiveScanBackward(args: usize, begin: u32, end: u32, scratch: usize): u32 {
  const a = changetype<ScanBackwardArgs>(args);
  const fault = sequenceFault(a.S, a.L, a.cuSeqlens, a.stateIndices, a.slots, false);
  if (fault) return fault;
  for (; begin < end; begin++) {
    const part = begin % a.slices;
    const rest = begin / a.slices;
    scanSlice(a, rest / a.H, rest % a.H, part, scratch);
  }
  return 0;
}

function scanSlice(a: ScanBackwardArgs, sequence: u32, h: u32, part: u32, scratch: usize): void {
  const s = openSlice(a, sequence, h, part, scratch);
  const slot = slotOf(sequence, a.stateIndices);
  if (slot >= 0) {
    loadBlocks(s.A, a.A + h * a.AH + s.p * a.AP, a.AP, a.AN, a.AType, a.N, s);
    cleanRates(s);
    if (!a.BVaries) loadBlocks(s.constantB, a.Bs + h * a.BH + s.p * a.BP, a.BP, a.BN, a.BType, a.N, s);
    if (!a.CVaries) loadBlocks(s.constantC, a.Cs + h * a.CH + s.p * a.CP, a.CP, a.CN, a.CType, a.N, s);
    if (a.h0) loadBlocks(s.starts, a.h0 + <usize>slot * a.h0B + h * a.h0H + s.p * a.h0P, a.h0P, a.h0N, F32, a.N, s);
    if (a.D) loadRow(s.skip, a.D + h * a.DH + s.p * a.DP, a.DP, a.DType, s.count);
    if (a.bias) loadRow(s.bias, a.bias + h * a.biasH + s.p * a.biasP, a.biasP, a.biasType, s.count);
    if (a.dh1) loadBlocks(s.g, a.dh1 + sequence * a.dh1B + h * a.dh1H + s.p * a.dh1P, a.dh1P, a.dh1N, F32, a.N, s);
    walkForward(a, s);
    walkBackward(a, s, h, part);
    if (a.dh0) storeBlocks(a.dh0 + <usize>sequence * a.dh0B + h * a.dh0H + s.p * a.dh0P, a.dh0P, a.dh0N, s.g, a.N, s);
  } else {
    clearSequence(a, s, h, part);
  }
  // Parts per sequence, (D, N) and (D) dense.
  const channel: usize = <usize>sequence * a.H * a.P + h * a.P + s.p;
  const perChannel = a.N << 2;
  storeBlocks(a.dA + channel * perChannel, perChannel, 4, s.dA, a.N, s);
  if (!a.BVaries) storeBlocks(a.dB + channel * perChannel, perChannel, 4, s.dB, a.N, s);
  if (!a.CVaries) storeBlocks(a.dC + channel * perChannel, perChannel, 4, s.dC, a.N, s);
  if (a.dD) storeRow(a.dD + (channel << 2), 4, F32, s.dskip, s.count);
  if (a.dbias) storeRow(a.dbias + (channel << 2), 4, F32, s.dbias, s.count);
}

/** The states before every tile. The end of the last one is nobody's start. */
function walkForward(a: ScanBackwardArgs, s: Slice): void {
  let from = s.starts;
  for (let t: u32 = 0; t + TILE < s.length; t += TILE) {
    loadProjections(a, s, t, TILE);
    prepareForward(a, s, t, TILE);
    const to = from + s.all;
    for (let k: u32 = 0, i: usize = 0; k < s.blocks; k++) {
      const tile = s.tiles + k * TILE_BYTES, reach = s.reach + k * ROW;
      let projected = s.projected;
      for (let n: u32 = 0; n < s.states; n += 2, i += 2 * ROW, projected += TILE * PROJECTED) {
        if (a.BVaries) advancePair(tile, reach, s.A + i, from + i, to + i, projected, TILE, true);
        else advanceConstant(tile, reach, s.A + i, from + i, to + i, s.constantB + i);
      }
    }
    from = to;
  }
}

/** Not inlined: one copy of the rarer form. */
function advanceConstant(tile: usize, reach: usize, A: usize, from: usize, to: usize, B: usize): void {
  advancePair(tile, reach, A, from, to, B, TILE, false);
}

function walkBackward(a: ScanBackwardArgs, s: Slice, h: u32, part: u32): void {
  if (s.length == 0) return;
  for (let index: i32 = (s.length - 1) / TILE; index >= 0; index--) {
    const t = <u32>index * TILE;
    const steps = minimum(TILE, s.length - t);
    loadProjections(a, s, t, steps);
    prepareBackward(a, s, t, steps);
    memory.fill(s.lanes, 0, (s.states >> 1) * (TILE * LANES));
    for (let k: u32 = 0; k < s.blocks; k++) {
      const start = s.starts + <usize>index * s.all;
      if (a.BVaries && a.CVaries) {
        if (a.z) tileGated(s, start, k, steps);
        else tileUngated(s, start, k, steps);
      } else if (a.BVaries) tileOfBlock(s, start, k, steps, true, false, a.z != 0);
      else if (a.CVaries) tileOfBlock(s, start, k, steps, false, true, a.z != 0);
      else tileOfBlock(s, start, k, steps, false, false, a.z != 0);
    }
    storeRows(a, s, t, steps);
    if (a.BVaries || a.CVaries) storeLanes(a, s, h, part, t, steps);
  }
}

function tileGated(s: Slice, start: usize, k: u32, steps: u32): void {
  tileOfBlock(s, start, k, steps, true, true, true);
}

function tileUngated(s: Slice, start: usize, k: u32, steps: u32): void {
  tileOfBlock(s, start, k, steps, true, true, false);
}

/** Rates that are NaN become one that exp2 keeps. */
function cleanRates(s: Slice): void {
  let strange = i32x4.splat(0);
  for (let at = s.A, end = s.A + s.all; at < end; at += 16) {
    const rate = v128.load(at);
    strange = v128.or(strange, notFinite(rate));
    v128.store(at, plainNaN(rate));
  }
  if (v128.any_true(strange)) s.strange = 1;
}

/** All states of one block over one tile, two at a time. */
// @ts-ignore: decorator
@inline
function tileOfBlock(s: Slice, start: usize, k: u32, steps: u32, BVaries: bool, CVaries: bool, gated: bool): void {
  const tile = s.tiles + k * TILE_BYTES, reach = s.reach + k * ROW;
  memory.fill(s.sums, 0, SUM_BYTES);
  if (s.strange) {
    strangeTile(s, start, k, steps, BVaries, CVaries);
    finishBlock(s, k, steps, gated);
    return;
  }
  let i = <usize>k * s.states * ROW, projected = s.projected, lanes = s.lanes;
  for (let n: u32 = 0; n < s.states; n += 2, i += 2 * ROW, projected += TILE * PROJECTED, lanes += TILE * LANES) {
    const B = s.constantB + i, C = s.constantC + i;
    remakePair(tile, s.sums, reach, s.pair, s.A + i, start + i, BVaries ? projected : B, CVaries ? projected : C, steps, BVaries, CVaries, gated);
    gradientsOfPair(tile, s.sums, s.pair, s.A + i, s.g + i, s.dA + i, B, C, s.dB + i, s.dC + i, projected, lanes, steps, BVaries, CVaries);
  }
  finishBlock(s, k, steps, gated);
}

/** The parts of dB and dC that this slice makes: [head][slice][batch][t][n], lanes added. */
function storeLanes(a: ScanBackwardArgs, s: Slice, h: u32, part: u32, t: u32, steps: u32): void {
  for (let i: u32 = 0; i < steps; i++) {
    const row = partRow(a, s, h, part, s.timeOf(t + i));
    let lanes = s.lanes + i * LANES;
    for (let n: u32 = 0; n < a.N; n += 2, lanes += TILE * LANES) {
      const sums = sumsOf(v128.load(lanes), v128.load(lanes, 16), v128.load(lanes, 32), v128.load(lanes, 48));
      const at = row + (n << 2);
      if (n + 1 < a.N) {
        if (a.BVaries) v128.store64_lane(a.dB + at, sums, 0);
        if (a.CVaries) v128.store64_lane(a.dC + at, sums, 1);
      } else {
        if (a.BVaries) v128.store32_lane(a.dB + at, sums, 0);
        if (a.CVaries) v128.store32_lane(a.dC + at, sums, 2);
      }
    }
  }
}

/** The sum of the lanes of each: (0 + 2) + (1 + 3). */
// @ts-ignore: decorator
@inline
function sumsOf(x0: v128, x1: v128, x2: v128, x3: v128): v128 {
  const y0 = f32x4.add(v128.shuffle<f32>(x0, x1, 0, 4, 1, 5), v128.shuffle<f32>(x0, x1, 2, 6, 3, 7));
  const y1 = f32x4.add(v128.shuffle<f32>(x2, x3, 0, 4, 1, 5), v128.shuffle<f32>(x2, x3, 2, 6, 3, 7));
  return f32x4.add(v128.shuffle<f64>(y0, y1, 0, 2), v128.shuffle<f64>(y0, y1, 1, 3));
}

// @ts-ignore: decorator
@inline
function partRow(a: ScanBackwardArgs, s: Slice, h: u32, part: u32, time: u32): usize {
  return ((<usize>h * a.slices + part) * (<usize>a.B * a.L) + <usize>s.batch * a.L + time) * (a.N << 2);
}

/** A padding sequence: every gradient is zero. */
function clearSequence(a: ScanBackwardArgs, s: Slice, h: u32, part: u32): void {
  const zeros = s.rowU;
  for (let t: u32 = 0; t < s.length; t++) {
    const time = s.timeOf(t);
    storeRow(s.du + time * a.duT, a.duP, a.dtype, zeros, s.count);
    storeRow(s.ddelta + time * a.ddeltaT, a.ddeltaP, a.dtype, zeros, s.count);
    if (a.dz) storeRow(s.dz + time * a.dzT, a.dzP, a.dtype, zeros, s.count);
    if (a.BVaries) clearRow(a.dB + partRow(a, s, h, part, time), a.N);
    if (a.CVaries) clearRow(a.dC + partRow(a, s, h, part, time), a.N);
  }
}

/** (channel, state) values of any strides into [block][n][8]. */
function loadBlocks(to: usize, from: usize, stride: isize, perState: isize, dtype: u32, N: u32, s: Slice): void {
  for (let k: u32 = 0; k < s.blocks; k++, from += SCAN_BACKWARD_BLOCK * stride, to += s.states * ROW) {
    for (let n: u32 = 0; n < N; n++) loadRow(to + n * ROW, from + n * perState, stride, dtype, countOf(s, k));
  }
}

/** The inverse of {@link loadBlocks}, for f32. */
function storeBlocks(to: usize, stride: isize, perState: isize, from: usize, N: u32, s: Slice): void {
  for (let k: u32 = 0; k < s.blocks; k++, to += SCAN_BACKWARD_BLOCK * stride, from += s.states * ROW) {
    for (let n: u32 = 0; n < N; n++) storeRow(to + n * perState, stride, F32, from + n * ROW, countOf(s, k));
  }
}

// @ts-ignore: decorator
@inline
function countOf(s: Slice, k: u32): u32 {
  return minimum(SCAN_BACKWARD_BLOCK, s.count - k * SCAN_BACKWARD_BLOCK);
}
