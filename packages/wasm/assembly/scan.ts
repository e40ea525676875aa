import { softplus, silu } from './activation';
import { ScanArgs } from './args';
import { F32 } from './dtype';
import { C1, C2, C3, C4, C5, clamp, constant, exp2, exp2Within, HIGHEST, LOG2E, LOWEST, ONE, plainNaN, ROUNDER } from './exponential';
import { clearRow, loadRow, storeRow } from './rows';
import { firstStep, lengthOf, rowOf, sequenceFault, slotOf } from './sequences';
import { madd, minimum, roundUp } from './vector';

/*
 * h = exp(dt A) h + dt u B;  y = sum_n C h + D u;  y *= silu(z)
 *
 * Lanes are channels. A span of channels is worked through in tiles of time steps: first dt, dt u and D u are
 * made for the whole tile, then every block of 8 channels walks the tile once per pair of states, with A, h
 * and the constants of exp2 in registers, adding C h to the tile of y; then y is gated and stored. Every lane
 * does the same operations in the same order however time is cut into calls, so any chunking and any number
 * of threads give the same bits.
 *
 * The host chooses the extent of spans and tiles: rows of a span should be long enough to stream, and all of
 * its scratch should fit the second-level cache.
 *
 * Scratch, per span:  [block][n][8] of A log2(e) and h (and constant B, C), [block][t][8] of dt, dt u and y,
 * [t][n] of varying B and C that have to be converted, and [channel] of D, bias, the largest |dt| of the tile
 * and two converted rows.
 */

/** Channels of a block: two vectors, so that each splat of B and C is used twice. */
export const SCAN_BLOCK: u32 = 8;
/** Channels per unit of work: one cache line of f32. */
export const SCAN_UNIT: u32 = 16;
/** Bytes of a block's row. */
// @ts-ignore: decorator
@inline const ROW: usize = SCAN_BLOCK * 4;

/**
 * One unit of work is {@link SCAN_UNIT} channels of one head of one sequence.
 * Returns 0, or what {@link sequenceFault} says.
 */
export function selectiveScan(args: usize, begin: u32, end: u32, scratch: usize): u32 {
  const a = changetype<ScanArgs>(args);
  const fault = sequenceFault(a.S, a.L, a.cuSeqlens, a.stateIndices, a.slots, a.h1BySlot != 0);
  if (fault) return fault;
  const perHead = roundUp(a.P, SCAN_UNIT) / SCAN_UNIT;
  while (begin < end) {
    const row = begin / perHead;
    const first = begin % perHead;
    const units = minimum(minimum(perHead - first, a.span / SCAN_UNIT), end - begin);
    const p = first * SCAN_UNIT;
    scanSpan(a, row / a.H, row % a.H, p, minimum(units * SCAN_UNIT, a.P - p), scratch);
    begin += units;
  }
  return 0;
}

function scanSpan(a: ScanArgs, s: u32, h: u32, p: u32, count: u32, scratch: usize): void {
  const b = rowOf(s, a.cuSeqlens);
  const length = lengthOf(s, a.L, a.cuSeqlens);
  const slot = slotOf(s, a.stateIndices);
  const sign: i32 = a.reverse ? -1 : 1;
  const origin = firstStep(s, a.cuSeqlens) + (a.reverse ? length - 1 : 0);
  const uT = sign * a.uT, deltaT = sign * a.deltaT, zT = sign * a.zT, yT = sign * a.yT;
  const blocks: usize = roundUp(count, SCAN_BLOCK) / SCAN_BLOCK;
  const lanes = <u32>blocks * SCAN_BLOCK;
  const N = a.N;
  const tile = a.tile;
  const stateBytes = N * ROW;
  const tileBytes = tile * ROW;
  const region = blocks * tileBytes;
  const decay = scratch;
  const state = decay + blocks * stateBytes;
  const constantB = state + blocks * stateBytes;
  const constantC = constantB + (a.BVaries ? 0 : blocks * stateBytes);
  const dt = constantC + (a.CVaries ? 0 : blocks * stateBytes);
  const y = dt + 2 * region;
  const convertedB = y + region;
  const convertedC = convertedB + ((tile * N) << 2);
  const skip = convertedC + ((tile * N) << 2);
  const bias = skip + (lanes << 2);
  const reach = bias + (lanes << 2);
  const rowA = reach + (lanes << 2);
  const rowB = rowA + (lanes << 2);
  // Lanes beyond `count` see zeros everywhere and stay zero.
  clearRow(skip, 5 * lanes);
  if (count < lanes) {
    for (let at = decay; at < dt; at += blocks * stateBytes) clearRow(at + (blocks - 1) * stateBytes, N * SCAN_BLOCK);
    for (let at = dt; at < convertedB; at += region) clearRow(at + (blocks - 1) * tileBytes, tile * SCAN_BLOCK);
  }
  if (!a.h0 || slot < 0) clearRow(state, <u32>blocks * N * SCAN_BLOCK);

  let out = a.y + b * a.yB + origin * a.yT + h * a.yH + p * a.yP;
  const h1 = a.h1 ? a.h1 + (a.h1BySlot ? slot : s) * a.h1B + h * a.h1H + p * a.h1P : 0;
  if (slot < 0) {
    for (let t: u32 = 0; t < length; t++, out += yT) storeRow(out, a.yP, a.dtype, rowA, count);
    if (h1 && !a.h1BySlot) storeBlocks(h1, a.h1P, a.h1N, state, N, count, rowA);
    return;
  }
  const groupB = a.Bs + b * a.BB + origin * a.BT + (h / a.headsPerGroup) * a.BG;
  const groupC = a.Cs + b * a.CB + origin * a.CT + (h / a.headsPerGroup) * a.CG;
  const unscaled = constant(ONE);
  // What D u is when there is no D: zero, whatever u is.
  const skips = i32x4.splat(a.D ? -1 : 0);
  loadBlocks(decay, a.A + h * a.AH + p * a.AP, a.AP, a.AN, a.AType, N, count, rowA, constant(LOG2E));
  if (!a.BVaries) loadBlocks(constantB, a.Bs + h * a.BH + p * a.BP, a.BP, a.BN, a.BType, N, count, rowA, unscaled);
  if (!a.CVaries) loadBlocks(constantC, a.Cs + h * a.CH + p * a.CP, a.CP, a.CN, a.CType, N, count, rowA, unscaled);
  if (a.h0) loadBlocks(state, a.h0 + slot * a.h0B + h * a.h0H + p * a.h0P, a.h0P, a.h0N, F32, N, count, rowA, unscaled);
  if (a.D) loadRow(skip, a.D + h * a.DH + p * a.DP, a.DP, a.DType, count);
  if (a.bias) loadRow(bias, a.bias + h * a.biasH + p * a.biasP, a.biasP, a.biasType, count);

  let u = a.u + b * a.uB + origin * a.uT + h * a.uH + p * a.uP;
  let delta = a.delta + b * a.deltaB + origin * a.deltaT + h * a.deltaH + p * a.deltaP;
  let z = a.z + b * a.zB + origin * a.zT + h * a.zH + p * a.zP;
  for (let t: u32 = 0; t < length; t += tile) {
    const steps = minimum(tile, length - t);
    clearRow(reach, lanes);
    for (let i: u32 = 0; i < steps; i++, u += uT, delta += deltaT) {
      prepareRow(u, a.uP, delta, a.deltaP, a.dtype, count, bias, skip, skips, reach, dt + i * ROW, tileBytes, region, a.softplus != 0, rowA, rowB);
    }
    let BT = sign * a.BT;
    let CT = sign * a.CT;
    let Bs = groupB + t * BT;
    let Cs = groupC + t * CT;
    if (a.BVaries && (a.BN != 4 || a.BType != F32)) {
      for (let i: u32 = 0; i < steps; i++) loadRow(convertedB + ((i * N) << 2), Bs + i * BT, a.BN, a.BType, N);
      Bs = convertedB;
      BT = N << 2;
    }
    if (a.CVaries && (a.CN != 4 || a.CType != F32)) {
      for (let i: u32 = 0; i < steps; i++) loadRow(convertedC + ((i * N) << 2), Cs + i * CT, a.CN, a.CType, N);
      Cs = convertedC;
      CT = N << 2;
    }
    for (let k: u32 = 0; k < blocks; k++) {
      const own = k * stateBytes;
      const at = dt + k * tileBytes;
      const B = a.BVaries ? Bs : constantB + own;
      const C = a.CVaries ? Cs : constantC + own;
      const kind = (a.BVaries << 1) | a.CVaries;
      if (kind == 3) scanBlock(at, at + region, decay + own, state + own, reach + k * ROW, B, BT, C, CT, steps, N, true, true);
      else scanBlockWithConstants(at, at + region, decay + own, state + own, reach + k * ROW, B, BT, C, CT, steps, N, kind);
    }
    for (let i: u32 = 0; i < steps; i++, out += yT, z += zT) {
      finishRow(y + i * ROW, tileBytes, a.z ? z : 0, a.zP, out, a.yP, a.dtype, count, rowA, rowB);
    }
  }
  if (h1) storeBlocks(h1, a.h1P, a.h1N, state, N, count, rowA);
}

/** True for a row that can be worked on in place, but for the last count % 4 elements. */
// @ts-ignore: decorator
@inline
function inPlace(stride: isize, dtype: u32): bool {
  return dtype == F32 && stride == 4;
}

/** One time step of a span: dt, dt u and D u into the tile. */
// @ts-ignore: decorator
@inline
function prepareRow(
  u: usize, uP: isize, delta: usize, deltaP: isize, dtype: u32, count: u32,
  bias: usize, skip: usize, skips: v128, reach: usize, to: usize, tileBytes: usize, region: usize, positive: bool, rowA: usize, rowB: usize,
): void {
  let first: usize = 0;
  if (inPlace(uP, dtype) && inPlace(deltaP, dtype)) {
    first = <usize>(count & ~3) << 2;
    prepareVectors(u, delta, bias, skip, skips, reach, to, tileBytes, region, 0, first, positive);
    if ((count & 3) == 0) return;
  }
  const rest = <usize>count - (first >> 2);
  loadRow(rowA + first, u + (first >> 2) * uP, uP, dtype, <u32>rest);
  loadRow(rowB + first, delta + (first >> 2) * deltaP, deltaP, dtype, <u32>rest);
  prepareVectors(rowA, rowB, bias, skip, skips, reach, to, tileBytes, region, first, <usize>roundUp(count, 4) << 2, positive);
}

// @ts-ignore: decorator
@inline
function prepareVectors(
  u: usize, delta: usize, bias: usize, skip: usize, skips: v128, reach: usize, to: usize, tileBytes: usize, region: usize,
  c: usize, end: usize, positive: bool,
): void {
  for (; c < end; c += 16) {
    let dt = f32x4.add(v128.load(delta + c), v128.load(bias + c));
    if (positive) dt = softplus(dt);
    const us = v128.load(u + c);
    const at = to + (c >> 5) * tileBytes + (c & 16);
    v128.store(at, dt);
    v128.store(at + region, f32x4.mul(dt, us));
    v128.store(at + 2 * region, v128.and(f32x4.mul(us, v128.load(skip + c)), skips));
    // As integers magnitudes keep their order, and NaN is the largest.
    v128.store(reach + c, i32x4.max_s(v128.load(reach + c), f32x4.abs(dt)));
  }
}

/** One time step of a span: y, gated, to where it belongs. */
// @ts-ignore: decorator
@inline
function finishRow(
  y: usize, tileBytes: usize, z: usize, zP: isize, out: usize, yP: isize, dtype: u32, count: u32, rowA: usize, rowB: usize,
): void {
  let first: usize = 0;
  if (inPlace(yP, dtype) && inPlace(z ? zP : 4, dtype)) {
    first = <usize>(count & ~3) << 2;
    finishVectors(y, tileBytes, z, out, 0, first);
    if ((count & 3) == 0) return;
  }
  const rest = <usize>count - (first >> 2);
  if (z) loadRow(rowB + first, z + (first >> 2) * zP, zP, dtype, <u32>rest);
  finishVectors(y, tileBytes, z ? rowB : 0, rowA, first, <usize>roundUp(count, 4) << 2);
  storeRow(out + (first >> 2) * yP, yP, dtype, rowA + first, <u32>rest);
}

// @ts-ignore: decorator
@inline
function finishVectors(y: usize, tileBytes: usize, gate: usize, out: usize, c: usize, end: usize): void {
  for (; c < end; c += 16) {
    let value = v128.load(y + (c >> 5) * tileBytes + (c & 16));
    if (gate) value = f32x4.mul(value, silu(v128.load(gate + c)));
    v128.store(out + c, value);
  }
}

/**
 * `steps` time steps of one block. B and C are rows of N scalars (`varies`) that move by BT and CT bytes a step,
 * or [n][8] values of the block that do not move.
 */
// @ts-ignore: decorator
@inline
function scanBlock(
  dt: usize, du: usize, decay: usize, state: usize, reach: usize,
  B: usize, BT: isize, C: usize, CT: isize, steps: u32, N: u32, BVaries: bool, CVaries: bool,
): void {
  if (steps == 1 && BVaries && CVaries) {
    scanStep(dt, du, decay, state, B, C, N);
    return;
  }
  let n: u32 = 0;
  for (; n + 2 <= N; n += 2) {
    // Where dt A cannot leave the range of exp2 its clamps are left out: the same bits, 12 % sooner.
    if (BVaries && CVaries && within(reach, decay)) scanStatesInRange(dt, du, decay, state, B, BT, C, CT, steps);
    else scanStates(dt, du, decay, state, B, BT, C, CT, steps, BVaries, CVaries, false);
    decay += 2 * ROW;
    state += 2 * ROW;
    B += BVaries ? 8 : 2 * ROW;
    C += CVaries ? 8 : 2 * ROW;
  }
  if (n < N) scanState(dt, du, decay, state, B, BT, C, CT, steps, BVaries, CVaries);
}

/** True when |dt A log2(e)| < 126 for the largest |dt| of the tile and two states, in every channel. */
// @ts-ignore: decorator
@inline
function within(reach: usize, decay: usize): bool {
  const limit = f32x4.splat(126);
  const r0 = v128.load(reach), r1 = v128.load(reach, 16);
  return i32x4.all_true(v128.and(
    v128.and(f32x4.lt(f32x4.abs(f32x4.mul(r0, v128.load(decay))), limit), f32x4.lt(f32x4.abs(f32x4.mul(r1, v128.load(decay, 16))), limit)),
    v128.and(f32x4.lt(f32x4.abs(f32x4.mul(r0, v128.load(decay, 32))), limit), f32x4.lt(f32x4.abs(f32x4.mul(r1, v128.load(decay, 48))), limit)),
  ));
}

/** Two states of 8 channels over a tile. The order of the statements is what keeps V8 from spilling. */
// @ts-ignore: decorator
@inline
function scanStates(
  dt: usize, du: usize, decay: usize, state: usize,
  B: usize, BT: isize, C: usize, CT: isize, steps: u32, BVaries: bool, CVaries: bool, inRange: bool,
): void {
  const low = constant(LOWEST), high = constant(HIGHEST), k2 = constant(ROUNDER);
  const k3 = constant(C5), k4 = constant(C4), k5 = constant(C3), k6 = constant(C2), k7 = constant(C1), k8 = constant(ONE);
  const A00 = decayRate(decay, inRange), A01 = decayRate(decay + 16, inRange);
  const A10 = decayRate(decay + 32, inRange), A11 = decayRate(decay + 48, inRange);
  let h00 = v128.load(state), h01 = v128.load(state, 16), h10 = v128.load(state, 32), h11 = v128.load(state, 48);
  for (let at = dt, end = dt + steps * ROW, d = du - dt; at < end; at += ROW) {
    const out = at + d + d;
    const dt0 = v128.load(at), du0 = v128.load(at + d);
    h00 = madd(decayOf(dt0, A00, low, high, k2, k3, k4, k5, k6, k7, k8, inRange), h00, f32x4.mul(du0, BVaries ? v128.load32_splat(B) : v128.load(B)));
    h10 = madd(decayOf(dt0, A10, low, high, k2, k3, k4, k5, k6, k7, k8, inRange), h10, f32x4.mul(du0, BVaries ? v128.load32_splat(B, 4) : v128.load(B, 32)));
    v128.store(out, madd(h10, CVaries ? v128.load32_splat(C, 4) : v128.load(C, 32), madd(h00, CVaries ? v128.load32_splat(C) : v128.load(C), v128.load(out))));
    const dt1 = v128.load(at, 16), du1 = v128.load(at + d, 16);
    h01 = madd(decayOf(dt1, A01, low, high, k2, k3, k4, k5, k6, k7, k8, inRange), h01, f32x4.mul(du1, BVaries ? v128.load32_splat(B) : v128.load(B, 16)));
    h11 = madd(decayOf(dt1, A11, low, high, k2, k3, k4, k5, k6, k7, k8, inRange), h11, f32x4.mul(du1, BVaries ? v128.load32_splat(B, 4) : v128.load(B, 48)));
    v128.store(out, madd(h11, CVaries ? v128.load32_splat(C, 4) : v128.load(C, 48), madd(h01, CVaries ? v128.load32_splat(C) : v128.load(C, 16), v128.load(out, 16))), 16);
    if (BVaries) B += BT;
    if (CVaries) C += CT;
  }
  v128.store(state, h00);
  v128.store(state, h01, 16);
  v128.store(state, h10, 32);
  v128.store(state, h11, 48);
}

/** A function of its own, or Binaryen folds both forms of the loop into one that asks at every step. */
function scanStatesInRange(dt: usize, du: usize, decay: usize, state: usize, B: usize, BT: isize, C: usize, CT: isize, steps: u32): void {
  scanStates(dt, du, decay, state, B, BT, C, CT, steps, true, true, true);
}

/** One time step of a block, all states: the same operations on each lane as a tile of one step, without its set-up. */
// @ts-ignore: decorator
@inline
function scanStep(dt: usize, du: usize, decay: usize, state: usize, B: usize, C: usize, N: u32): void {
  const low = constant(LOWEST), high = constant(HIGHEST), k2 = constant(ROUNDER);
  const k3 = constant(C5), k4 = constant(C4), k5 = constant(C3), k6 = constant(C2), k7 = constant(C1), k8 = constant(ONE);
  const y = du + (du - dt);
  const dt0 = v128.load(dt), dt1 = v128.load(dt, 16), du0 = v128.load(du), du1 = v128.load(du, 16);
  let y0 = v128.load(y), y1 = v128.load(y, 16);
  for (const end = B + (<usize>N << 2); B < end; B += 4, C += 4, decay += ROW, state += ROW) {
    const b = v128.load32_splat(B), c = v128.load32_splat(C);
    const h0 = madd(decayOf(dt0, decayRate(decay, false), low, high, k2, k3, k4, k5, k6, k7, k8, false), v128.load(state), f32x4.mul(du0, b));
    v128.store(state, h0);
    y0 = madd(h0, c, y0);
    const h1 = madd(decayOf(dt1, decayRate(decay + 16, false), low, high, k2, k3, k4, k5, k6, k7, k8, false), v128.load(state, 16), f32x4.mul(du1, b));
    v128.store(state, h1, 16);
    y1 = madd(h1, c, y1);
  }
  v128.store(y, y0);
  v128.store(y, y1, 16);
}

/** The last state of an odd number of them. */
// @ts-ignore: decorator
@inline
function scanState(
  dt: usize, du: usize, decay: usize, state: usize, B: usize, BT: isize, C: usize, CT: isize, steps: u32, BVaries: bool, CVaries: bool,
): void {
  const A0 = v128.load(decay), A1 = v128.load(decay, 16);
  let h0 = v128.load(state), h1 = v128.load(state, 16);
  for (let at = dt, end = dt + steps * ROW, d = du - dt; at < end; at += ROW) {
    const out = at + d + d;
    h0 = madd(exp2(f32x4.mul(v128.load(at), A0)), h0, f32x4.mul(v128.load(at + d), BVaries ? v128.load32_splat(B) : v128.load(B)));
    h1 = madd(exp2(f32x4.mul(v128.load(at, 16), A1)), h1, f32x4.mul(v128.load(at + d, 16), BVaries ? v128.load32_splat(B) : v128.load(B, 16)));
    v128.store(out, madd(h0, CVaries ? v128.load32_splat(C) : v128.load(C), v128.load(out)));
    v128.store(out, madd(h1, CVaries ? v128.load32_splat(C) : v128.load(C, 16), v128.load(out, 16)), 16);
    if (BVaries) B += BT;
    if (CVaries) C += CT;
  }
  v128.store(state, h0);
  v128.store(state, h1, 16);
}

/** A log2(e). Where dt A is in range there is no NaN; where dt is NaN, dt u is, too. */
// @ts-ignore: decorator
@inline
function decayRate(at: usize, inRange: bool): v128 {
  return inRange ? v128.load(at) : plainNaN(v128.load(at));
}

// @ts-ignore: decorator
@inline
function decayOf(
  dt: v128, A: v128, low: v128, high: v128, k2: v128, k3: v128, k4: v128, k5: v128, k6: v128, k7: v128, k8: v128, inRange: bool,
): v128 {
  const x = f32x4.mul(dt, A);
  return exp2Within(inRange ? x : clamp(x, low, high), k2, k3, k4, k5, k6, k7, k8);
}

/** {@link scanBlock} with B, C or both constant; `kind` has bit 1 for varying B and bit 0 for varying C. */
function scanBlockWithConstants(
  dt: usize, du: usize, decay: usize, state: usize, reach: usize,
  B: usize, BT: isize, C: usize, CT: isize, steps: u32, N: u32, kind: u32,
): void {
  if (kind == 2) scanBlock(dt, du, decay, state, reach, B, BT, C, CT, steps, N, true, false);
  else if (kind == 1) scanBlock(dt, du, decay, state, reach, B, BT, C, CT, steps, N, false, true);
  else scanBlock(dt, du, decay, state, reach, B, BT, C, CT, steps, N, false, false);
}

/** (channel, state) values of any strides, times a factor, into [block][n][8]. */
function loadBlocks(
  to: usize, from: usize, stride: isize, perState: isize, dtype: u32, N: u32, count: u32, row: usize, factor: v128,
): void {
  const step = N * ROW;
  for (let n: u32 = 0; n < N; n++, from += perState, to += ROW) {
    let first: usize = 0;
    if (inPlace(stride, dtype)) {
      first = <usize>(count & ~3) << 2;
      spread(to, step, from, 0, first, factor);
      if ((count & 3) == 0) continue;
    }
    loadRow(row + first, from + (first >> 2) * stride, stride, dtype, count - <u32>(first >> 2));
    spread(to, step, row, first, <usize>count << 2, factor);
  }
}

/** Elements `c` to `end` (in bytes) of a row into blocks. */
// @ts-ignore: decorator
@inline
function spread(to: usize, step: usize, row: usize, c: usize, end: usize, factor: v128): void {
  for (; c < end; c += 16) v128.store(to + (c >> 5) * step + (c & 16), f32x4.mul(v128.load(row + c), factor));
}

/** The inverse of {@link loadBlocks}, for f32. */
function storeBlocks(to: usize, stride: isize, perState: isize, from: usize, N: u32, count: u32, row: usize): void {
  const step = N * ROW;
  for (let n: u32 = 0; n < N; n++, to += perState, from += ROW) {
    const direct = stride == 4 ? <usize>(count & ~3) << 2 : 0;
    gather(to, from, step, 0, direct);
    if (direct == <usize>count << 2) continue;
    gather(row, from, step, direct, <usize>count << 2);
    storeRow(to + (direct >> 2) * stride, stride, F32, row + direct, count - <u32>(direct >> 2));
  }
}

/** The inverse of {@link spread}. */
// @ts-ignore: decorator
@inline
function gather(row: usize, from: usize, step: usize, c: usize, end: usize): void {
  for (; c < end; c += 16) v128.store(row + c, v128.load(from + (c >> 5) * step + (c & 16)));
}
