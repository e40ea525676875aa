import { silu, softplus } from './activation';
import { ScanBackwardArgs, SumPartsArgs } from './args';
import { F32 } from './dtype';
import { C1, C2, C3, C4, C5, clamp, constant, exp, exp2Within, HIGHEST, LOG2E, LOWEST, ONE, ROUNDER } from './exponential';
import { clearRow, loadRow, storeRow } from './rows';
import { firstStep, lengthOf, rowOf, sequenceFault, slotOf } from './sequences';
import { madd, minimum, roundUp } from './vector';

/*
 * The gradient of the scan; the formulas are derived in core's reference (`selective-scan-backward.ts`).
 *
 * One unit of work is one slice of the channels of one head of one sequence. Going forward, the states at the
 * start of every tile of time steps are kept; going backward, a tile's states are made again, and the cotangent
 * g of the state walks from the tile's end to its start, two states of 8 channels at a time. Nothing of size
 * L x N per channel exists, and nothing is divided by a decay.
 *
 * What channels share (varying B and C) is summed over the channels of a slice in the lanes of [t][n][4]
 * accumulators; every slice writes its own part, and {@link sumParts} adds the parts in their order. The number
 * of slices does not depend on the number of threads, so neither do the bits.
 */

/** Channels of a block: two vectors. */
// @ts-ignore: decorator
@inline const BLOCK: u32 = 8;
// @ts-ignore: decorator
@inline const ROW: usize = 32;
/** Time steps of a tile. */
// @ts-ignore: decorator
@inline const TILE: u32 = 64;
// @ts-ignore: decorator
@inline const REGION: usize = TILE * ROW;
const LN2: f32 = 0.6931471805599453;

/** Arrays of [t][8] that a tile of one block needs, in this order in scratch. */
// @ts-ignore: decorator
@inline const DT: usize = 0;
// @ts-ignore: decorator
@inline const U: usize = REGION;
// @ts-ignore: decorator
@inline const DU: usize = 2 * REGION;
/** ds = dy silu(z) */
// @ts-ignore: decorator
@inline const DS: usize = 3 * REGION;
/** d dt / d delta */
// @ts-ignore: decorator
@inline const SLOPE: usize = 4 * REGION;
/** dy silu'(z) */
// @ts-ignore: decorator
@inline const DGATE: usize = 5 * REGION;
/** sum_n C h */
// @ts-ignore: decorator
@inline const Y: usize = 6 * REGION;
/** sum_n g B */
// @ts-ignore: decorator
@inline const Q: usize = 7 * REGION;
/** sum_n g a h A log2(e) */
// @ts-ignore: decorator
@inline const R: usize = 8 * REGION;
/** a of two states, then a h of two states, 64 bytes a step each */
// @ts-ignore: decorator
@inline const DECAY: usize = 9 * REGION;
// @ts-ignore: decorator
@inline const CARRIED: usize = 11 * REGION;
// @ts-ignore: decorator
@inline const REGIONS: usize = 13 * REGION;

/** Where a slice keeps what outlives a tile. All but the last are [block][n][8]. */
@unmanaged
class Slice {
  decay: usize;
  /** h on the way forward, g on the way back */
  state: usize;
  dA: usize;
  constantB: usize;
  constantC: usize;
  dB: usize;
  dC: usize;
  /** [channel] */
  skip: usize;
  bias: usize;
  dskip: usize;
  dbias: usize;
  /** [t][n] of this tile */
  rowsB: usize;
  rowsC: usize;
  /** [t][n][4] */
  lanesB: usize;
  lanesC: usize;
  tile: usize;
  row: usize;
  /** [tile][block][n][8] */
  starts: usize;
  first: u32;
  batch: u32;
  length: u32;
  count: u32;
  blocks: u32;
  bytes: usize;
  group: u32;
  p: u32;
}

/** @returns 1 + the index of a sequence whose bounds or state are outside */
export function selectiveScanBackward(args: usize, begin: u32, end: u32, scratch: usize): u32 {
  const a = changetype<ScanBackwardArgs>(args);
  const fault = sequenceFault(a.S, a.L, a.cuSeqlens, a.stateIndices, a.slots);
  if (fault) return fault;
  for (; begin < end; begin++) {
    const part = begin % a.slices;
    const rest = begin / a.slices;
    scanSlice(a, rest / a.H, rest % a.H, part, scratch);
  }
  return 0;
}

function scanSlice(a: ScanBackwardArgs, sequence: u32, h: u32, part: u32, scratch: usize): void {
  const s = changetype<Slice>(scratch);
  const N = a.N;
  s.p = part * a.slice;
  s.count = minimum(a.slice, a.P - s.p);
  s.blocks = roundUp(s.count, BLOCK) / BLOCK;
  s.bytes = <usize>N * ROW;
  s.batch = rowOf(sequence, a.cuSeqlens);
  s.first = firstStep(sequence, a.cuSeqlens);
  s.length = lengthOf(sequence, a.L, a.cuSeqlens);
  s.group = h / a.headsPerGroup;
  const slot = slotOf(sequence, a.stateIndices);
  const all: usize = <usize>s.blocks * s.bytes;
  const channels: usize = <usize>s.blocks * ROW;
  s.decay = scratch + offsetof<Slice>() + 63 & ~63;
  s.state = s.decay + all;
  s.dA = s.state + all;
  s.constantB = s.dA + all;
  s.constantC = s.constantB + all;
  s.dB = s.constantC + all;
  s.dC = s.dB + all;
  s.skip = s.dC + all;
  s.bias = s.skip + channels;
  s.dskip = s.bias + channels;
  s.dbias = s.dskip + channels;
  s.rowsB = s.dbias + channels;
  s.rowsC = s.rowsB + TILE * (N << 2);
  s.lanesB = s.rowsC + TILE * (N << 2);
  s.lanesC = s.lanesB + TILE * (N << 4);
  s.tile = s.lanesC + TILE * (N << 4);
  s.row = s.tile + REGIONS;
  s.starts = s.row + ROW;
  // Lanes beyond `count` see zeros everywhere and stay zero.
  clearRow(s.decay, <u32>((s.rowsB - s.decay) >> 2));

  if (slot >= 0) {
    loadBlocks(s.decay, a.A + h * a.AH + s.p * a.AP, a.AP, a.AN, a.AType, N, s);
    for (let at = s.decay; at < s.state; at += 16) v128.store(at, f32x4.mul(v128.load(at), constant(LOG2E)));
    if (!a.BVaries) loadBlocks(s.constantB, a.Bs + h * a.BH + s.p * a.BP, a.BP, a.BN, a.BType, N, s);
    if (!a.CVaries) loadBlocks(s.constantC, a.Cs + h * a.CH + s.p * a.CP, a.CP, a.CN, a.CType, N, s);
    if (a.h0) loadBlocks(s.state, a.h0 + <usize>slot * a.h0B + h * a.h0H + s.p * a.h0P, a.h0P, a.h0N, F32, N, s);
    if (a.D) loadRow(s.skip, a.D + h * a.DH + s.p * a.DP, a.DP, a.DType, s.count);
    if (a.bias) loadRow(s.bias, a.bias + h * a.biasH + s.p * a.biasP, a.biasP, a.biasType, s.count);
    walkForward(a, s, h);
    clearRow(s.state, <u32>(all >> 2));
    if (a.dh1) loadBlocks(s.state, a.dh1 + sequence * a.dh1B + h * a.dh1H + s.p * a.dh1P, a.dh1P, a.dh1N, F32, N, s);
    walkBackward(a, s, h, part);
    if (a.dh0) storeBlocks(a.dh0 + <usize>slot * a.dh0B + h * a.dh0H + s.p * a.dh0P, a.dh0P, a.dh0N, s.state, N, s);
  } else {
    clearSequence(a, s, h, part);
  }
  // Parts per sequence, (D, N) and (D) dense.
  const channel: usize = <usize>sequence * a.H * a.P + h * a.P + s.p;
  storeBlocks(a.dA + channel * (N << 2), N << 2, 4, s.dA, N, s);
  if (!a.BVaries) storeBlocks(a.dB + channel * (N << 2), N << 2, 4, s.dB, N, s);
  if (!a.CVaries) storeBlocks(a.dC + channel * (N << 2), N << 2, 4, s.dC, N, s);
  if (a.dD) storeRow(a.dD + (channel << 2), 4, F32, s.dskip, s.count);
  if (a.dbias) storeRow(a.dbias + (channel << 2), 4, F32, s.dbias, s.count);
}

/** The time step in memory of step `i` of the walk. */
// @ts-ignore: decorator
@inline
function timeOf(a: ScanBackwardArgs, s: Slice, i: u32): u32 {
  return s.first + (a.reverse ? s.length - 1 - i : i);
}

function walkForward(a: ScanBackwardArgs, s: Slice, h: u32): void {
  const all = <usize>s.blocks * s.bytes;
  let starts = s.starts;
  for (let t: u32 = 0; t < s.length; t += TILE, starts += all) {
    memory.copy(starts, s.state, all);
    // The end of the last tile is nobody's start.
    if (t + TILE >= s.length) return;
    loadProjections(a, s, t, TILE);
    for (let k: u32 = 0; k < s.blocks; k++) {
      prepare(a, s, h, k, t, TILE, false);
      const at = k * s.bytes;
      const B = a.BVaries ? s.rowsB : s.constantB + at;
      for (let n: u32 = 0; n < a.N; n++) {
        advance(s.tile, s.decay + at + n * ROW, s.state + at + n * ROW, B + n * (a.BVaries ? 4 : ROW), a.N << 2, TILE, a.BVaries != 0);
      }
    }
  }
}

/** One state of a block over a tile, four channels at a time so that the constants of exp2 stay in registers. */
// @ts-ignore: decorator
@inline
function advance(tile: usize, decay: usize, state: usize, B: usize, step: usize, steps: u32, BVaries: bool): void {
  const low = constant(LOWEST), high = constant(HIGHEST), k2 = constant(ROUNDER);
  const k3 = constant(C5), k4 = constant(C4), k5 = constant(C3), k6 = constant(C2), k7 = constant(C1), k8 = constant(ONE);
  for (let half: usize = 0; half < 32; half += 16) {
    const A = v128.load(decay + half);
    let h = v128.load(state + half), b = BVaries ? B : B + half;
    for (let at = tile + half, end = tile + half + steps * ROW; at < end; at += ROW) {
      const a = exp2Within(clamp(f32x4.mul(v128.load(at), A), low, high), k2, k3, k4, k5, k6, k7, k8);
      h = madd(a, h, f32x4.mul(v128.load(at, DU), BVaries ? v128.load32_splat(b) : v128.load(b)));
      if (BVaries) b += step;
    }
    v128.store(state + half, h);
  }
}

function walkBackward(a: ScanBackwardArgs, s: Slice, h: u32, part: u32): void {
  if (s.length == 0) return;
  const all = <usize>s.blocks * s.bytes;
  const lanes = TILE * a.N * 4;
  for (let tile: i32 = (s.length - 1) / TILE; tile >= 0; tile--) {
    const t = <u32>tile * TILE;
    const steps = minimum(TILE, s.length - t);
    const starts = s.starts + <usize>tile * all;
    loadProjections(a, s, t, steps);
    clearRow(s.lanesB, 2 * lanes);
    for (let k: u32 = 0; k < s.blocks; k++) {
      prepare(a, s, h, k, t, steps, true);
      if (a.BVaries && a.CVaries) tileOfBlock(s, starts, k, a.N, steps, true, true, a.z != 0);
      else tileWithConstants(s, starts, k, a.N, steps, a.BVaries != 0, a.CVaries != 0, a.z != 0);
      finish(a, s, h, k, t, steps);
    }
    if (a.BVaries) storeLanes(a, s, a.dB, s.lanesB, h, part, t, steps);
    if (a.CVaries) storeLanes(a, s, a.dC, s.lanesC, h, part, t, steps);
  }
}

/** Not inlined: one copy for each of the rarer forms. */
function tileWithConstants(s: Slice, starts: usize, k: u32, N: u32, steps: u32, BVaries: bool, CVaries: bool, gated: bool): void {
  if (BVaries) tileOfBlock(s, starts, k, N, steps, true, false, gated);
  else if (CVaries) tileOfBlock(s, starts, k, N, steps, false, true, gated);
  else tileOfBlock(s, starts, k, N, steps, false, false, gated);
}

/** All states of one block over one tile, two at a time; a last odd one is computed beside a copy that is dropped. */
// @ts-ignore: decorator
@inline
function tileOfBlock(s: Slice, starts: usize, k: u32, N: u32, steps: u32, BVaries: bool, CVaries: bool, gated: bool): void {
  const at = <usize>k * s.bytes;
  for (let n: u32 = 0; n < N; n += 2) {
    const two = n + 1 < N;
    const i = at + n * ROW;
    const B = BVaries ? s.rowsB + (n << 2) : s.constantB + i;
    const C = CVaries ? s.rowsC + (n << 2) : s.constantC + i;
    remake(s.tile, s.decay + i, starts + i, B, C, N << 2, steps, two, BVaries, CVaries, gated);
    if (two) {
      gradients(s.tile, s.decay + i, s.state + i, s.dA + i, B, C, s.dB + i, s.dC + i, s.lanesB + (n << 4), s.lanesC + (n << 4), N, steps, true, BVaries, CVaries);
    } else {
      gradients(s.tile, s.decay + i, s.state + i, s.dA + i, B, C, s.dB + i, s.dC + i, s.lanesB + (n << 4), s.lanesC + (n << 4), N, steps, false, BVaries, CVaries);
    }
  }
}

/** a_t and a_t h_{t-1} of one or two states, and sum_n C h where z wants it. */
// @ts-ignore: decorator
@inline
function remake(
  tile: usize, decay: usize, start: usize, B: usize, C: usize, step: usize, steps: u32, two: bool,
  BVaries: bool, CVaries: bool, gated: bool,
): void {
  const low = constant(LOWEST), high = constant(HIGHEST), k2 = constant(ROUNDER);
  const k3 = constant(C5), k4 = constant(C4), k5 = constant(C3), k6 = constant(C2), k7 = constant(C1), k8 = constant(ONE);
  const end: usize = two ? 64 : 32;
  for (let lane: usize = 0; lane < end; lane += 16) {
    const half = lane & 16, state = lane >> 5;
    const A = v128.load(decay + lane);
    let h = v128.load(start + lane);
    let b = BVaries ? B + (state << 2) : B + lane, c = CVaries ? C + (state << 2) : C + lane;
    let pair = tile + lane;
    for (let at = tile + half, last = tile + half + steps * ROW; at < last; at += ROW, pair += 2 * ROW) {
      const a = exp2Within(clamp(f32x4.mul(v128.load(at), A), low, high), k2, k3, k4, k5, k6, k7, k8);
      const carried = f32x4.mul(a, h);
      v128.store(pair, a, DECAY);
      v128.store(pair, carried, CARRIED);
      h = madd(v128.load(at, DU), BVaries ? v128.load32_splat(b) : v128.load(b), carried);
      if (gated) v128.store(at, madd(h, CVaries ? v128.load32_splat(c) : v128.load(c), v128.load(at, Y)), Y);
      if (BVaries) b += step;
      if (CVaries) c += step;
    }
  }
}

/** The way back of one or two states over a tile. */
// @ts-ignore: decorator
@inline
function gradients(
  tile: usize, decay: usize, state: usize, dA: usize, B: usize, C: usize, dB: usize, dC: usize, lanesB: usize, lanesC: usize,
  N: u32, steps: u32, two: bool, BVaries: bool, CVaries: bool,
): void {
  const perStep: usize = <usize>N << 2;
  const perLane: usize = <usize>N << 4;
  for (let half: usize = 0; half < 32; half += 16) {
    const A0 = v128.load(decay + half), A1 = two ? v128.load(decay + half, ROW) : f32x4.splat(0);
    let g0 = v128.load(state + half), g1 = two ? v128.load(state + half, ROW) : f32x4.splat(0);
    let dA0 = v128.load(dA + half), dA1 = two ? v128.load(dA + half, ROW) : f32x4.splat(0);
    let dB0 = f32x4.splat(0), dB1 = f32x4.splat(0), dC0 = f32x4.splat(0), dC1 = f32x4.splat(0);
    if (!BVaries) { dB0 = v128.load(dB + half); if (two) dB1 = v128.load(dB + half, ROW); }
    if (!CVaries) { dC0 = v128.load(dC + half); if (two) dC1 = v128.load(dC + half, ROW); }
    let b = BVaries ? B + (steps - 1) * perStep : B + half;
    let c = CVaries ? C + (steps - 1) * perStep : C + half;
    let lb = lanesB + (steps - 1) * perLane, lc = lanesC + (steps - 1) * perLane;
    let pair = tile + half + (steps - 1) * (2 * ROW);
    for (let at = tile + half + (steps - 1) * ROW; at >= tile; at -= ROW, pair -= 2 * ROW, lb -= perLane, lc -= perLane) {
      const ds = v128.load(at, DS), du = v128.load(at, DU), dt = v128.load(at, DT);
      const b0 = BVaries ? v128.load32_splat(b) : v128.load(b);
      g0 = madd(ds, CVaries ? v128.load32_splat(c) : v128.load(c), g0);
      const c0 = v128.load(pair, CARRIED);
      const m0 = f32x4.mul(g0, c0);
      let q = madd(g0, b0, v128.load(at, Q)), r = madd(m0, A0, v128.load(at, R));
      dA0 = madd(m0, dt, dA0);
      if (CVaries) v128.store(lc, madd(ds, madd(du, b0, c0), v128.load(lc)));
      else dC0 = madd(ds, madd(du, b0, c0), dC0);
      if (BVaries) v128.store(lb, madd(g0, du, v128.load(lb)));
      else dB0 = madd(g0, du, dB0);
      g0 = f32x4.mul(g0, v128.load(pair, DECAY));
      if (two) {
        const b1 = BVaries ? v128.load32_splat(b, 4) : v128.load(b, ROW);
        g1 = madd(ds, CVaries ? v128.load32_splat(c, 4) : v128.load(c, ROW), g1);
        const c1 = v128.load(pair, CARRIED + ROW);
        const m1 = f32x4.mul(g1, c1);
        q = madd(g1, b1, q);
        r = madd(m1, A1, r);
        dA1 = madd(m1, dt, dA1);
        if (CVaries) v128.store(lc, madd(ds, madd(du, b1, c1), v128.load(lc, 16)), 16);
        else dC1 = madd(ds, madd(du, b1, c1), dC1);
        if (BVaries) v128.store(lb, madd(g1, du, v128.load(lb, 16)), 16);
        else dB1 = madd(g1, du, dB1);
        g1 = f32x4.mul(g1, v128.load(pair, DECAY + ROW));
      }
      v128.store(at, q, Q);
      v128.store(at, r, R);
      if (BVaries) b -= perStep;
      if (CVaries) c -= perStep;
    }
    v128.store(state + half, g0);
    v128.store(dA + half, dA0);
    if (!BVaries) v128.store(dB + half, dB0);
    if (!CVaries) v128.store(dC + half, dC0);
    if (two) {
      v128.store(state + half, g1, ROW);
      v128.store(dA + half, dA1, ROW);
      if (!BVaries) v128.store(dB + half, dB1, ROW);
      if (!CVaries) v128.store(dC + half, dC1, ROW);
    }
  }
}

/** Varying B and C of a tile as [t][n] f32, in the order of the walk. */
function loadProjections(a: ScanBackwardArgs, s: Slice, t: u32, steps: u32): void {
  for (let i: u32 = 0; i < steps; i++) {
    const time = timeOf(a, s, t + i);
    if (a.BVaries) loadRow(s.rowsB + i * (a.N << 2), a.Bs + s.batch * a.BB + time * a.BT + s.group * a.BG, a.BN, a.BType, a.N);
    if (a.CVaries) loadRow(s.rowsC + i * (a.N << 2), a.Cs + s.batch * a.CB + time * a.CT + s.group * a.CG, a.CN, a.CType, a.N);
  }
}

/** 8 channels (fewer at the end) of one row, widened; zeros beyond. */
// @ts-ignore: decorator
@inline
function loadBlock(to: usize, from: usize, stride: isize, dtype: u32, count: u32): void {
  if (dtype == F32 && stride == 4 && count == BLOCK) {
    v128.store(to, v128.load(from));
    v128.store(to, v128.load(from, 16), 16);
  } else {
    v128.store(to, f32x4.splat(0));
    v128.store(to, f32x4.splat(0), 16);
    loadRow(to, from, stride, dtype, count);
  }
}

// @ts-ignore: decorator
@inline
function countOf(s: Slice, k: u32): u32 {
  return minimum(BLOCK, s.count - k * BLOCK);
}

/** Everything of a tile of one block that does not depend on the states. */
function prepare(a: ScanBackwardArgs, s: Slice, h: u32, k: u32, t: u32, steps: u32, back: bool): void {
  const count = countOf(s, k);
  const p = s.p + k * BLOCK;
  const one = constant(ONE);
  for (let i: u32 = 0, at = s.tile; i < steps; i++, at += ROW) {
    const time = timeOf(a, s, t + i);
    loadBlock(at + U, a.u + s.batch * a.uB + time * a.uT + h * a.uH + p * a.uP, a.uP, a.dtype, count);
    loadBlock(at + DT, a.delta + s.batch * a.deltaB + time * a.deltaT + h * a.deltaH + p * a.deltaP, a.deltaP, a.dtype, count);
    if (back) {
      loadBlock(at + DS, a.dy + s.batch * a.dyB + time * a.dyT + h * a.dyH + p * a.dyP, a.dyP, a.dtype, count);
      if (a.z) loadBlock(s.row, a.z + s.batch * a.zB + time * a.zT + h * a.zH + p * a.zP, a.zP, a.dtype, count);
    }
    for (let half: usize = 0; half < 32; half += 16) {
      const x = f32x4.add(v128.load(at + half, DT), v128.load(s.bias + k * ROW + half));
      const dt = a.softplus ? softplus(x) : x;
      v128.store(at + half, dt, DT);
      v128.store(at + half, f32x4.mul(dt, v128.load(at + half, U)), DU);
      if (!back) continue;
      v128.store(at + half, a.softplus ? f32x4.div(one, f32x4.add(one, exp(f32x4.neg(x)))) : one, SLOPE);
      v128.store(at + half, f32x4.splat(0), Q);
      v128.store(at + half, f32x4.splat(0), R);
      if (!a.z) continue;
      const z = v128.load(s.row + half), dy = v128.load(at + half, DS);
      const sigmoid = f32x4.div(one, f32x4.add(one, exp(f32x4.neg(z))));
      v128.store(at + half, f32x4.mul(dy, silu(z)), DS);
      v128.store(at + half, f32x4.mul(dy, f32x4.mul(sigmoid, madd(z, f32x4.sub(one, sigmoid), one))), DGATE);
      v128.store(at + half, f32x4.splat(0), Y);
    }
  }
}

/** du, ddelta and dz of a tile of one block, and its share of dD and dbias. */
function finish(a: ScanBackwardArgs, s: Slice, h: u32, k: u32, t: u32, steps: u32): void {
  const count = countOf(s, k);
  const p = s.p + k * BLOCK;
  const ln2 = f32x4.splat(LN2);
  for (let half: usize = 0; half < 32; half += 16) {
    const skip = v128.load(s.skip + k * ROW + half);
    let dskip = v128.load(s.dskip + k * ROW + half), dbias = v128.load(s.dbias + k * ROW + half);
    // In the order of the walk backwards, as the states go.
    for (let at = s.tile + half + (steps - 1) * ROW; at >= s.tile; at -= ROW) {
      const q = v128.load(at, Q), u = v128.load(at, U), ds = v128.load(at, DS);
      const ddelta = f32x4.mul(madd(u, q, f32x4.mul(ln2, v128.load(at, R))), v128.load(at, SLOPE));
      dskip = madd(ds, u, dskip);
      dbias = f32x4.add(dbias, ddelta);
      v128.store(at, madd(skip, ds, f32x4.mul(v128.load(at), q)), Q);
      v128.store(at, ddelta, R);
      if (a.dz) v128.store(at, f32x4.mul(v128.load(at, DGATE), madd(skip, u, v128.load(at, Y))), Y);
    }
    v128.store(s.dskip + k * ROW + half, dskip);
    v128.store(s.dbias + k * ROW + half, dbias);
  }
  for (let i: u32 = 0, at = s.tile; i < steps; i++, at += ROW) {
    const time = timeOf(a, s, t + i);
    storeBlock(a.du + s.batch * a.duB + time * a.duT + h * a.duH + p * a.duP, a.duP, a.dtype, at + Q, count);
    storeBlock(a.ddelta + s.batch * a.ddeltaB + time * a.ddeltaT + h * a.ddeltaH + p * a.ddeltaP, a.ddeltaP, a.dtype, at + R, count);
    if (a.dz) storeBlock(a.dz + s.batch * a.dzB + time * a.dzT + h * a.dzH + p * a.dzP, a.dzP, a.dtype, at + Y, count);
  }
}

// @ts-ignore: decorator
@inline
function storeBlock(to: usize, stride: isize, dtype: u32, from: usize, count: u32): void {
  if (dtype == F32 && stride == 4 && count == BLOCK) {
    v128.store(to, v128.load(from));
    v128.store(to, v128.load(from, 16), 16);
  } else {
    storeRow(to, stride, dtype, from, count);
  }
}

/** The part of dB or dC that this slice makes: [head][slice][batch][t][n], lanes added. */
function storeLanes(a: ScanBackwardArgs, s: Slice, parts: usize, lanes: usize, h: u32, part: u32, t: u32, steps: u32): void {
  for (let i: u32 = 0; i < steps; i++) {
    let to = parts + partRow(a, s, h, part, timeOf(a, s, t + i));
    for (let n: u32 = 0; n < a.N; n++, to += 4, lanes += 16) {
      const x = v128.load(lanes);
      store<f32>(to, (f32x4.extract_lane(x, 0) + f32x4.extract_lane(x, 1)) + (f32x4.extract_lane(x, 2) + f32x4.extract_lane(x, 3)));
    }
  }
}

// @ts-ignore: decorator
@inline
function partRow(a: ScanBackwardArgs, s: Slice, h: u32, part: u32, time: u32): usize {
  return ((<usize>h * a.slices + part) * (<usize>a.B * a.L) + <usize>s.batch * a.L + time) * (a.N << 2);
}

/** A padding sequence: every gradient is zero. */
function clearSequence(a: ScanBackwardArgs, s: Slice, h: u32, part: u32): void {
  clearRow(s.row, BLOCK);
  for (let t: u32 = 0; t < s.length; t++) {
    const time = s.first + t;
    for (let k: u32 = 0; k < s.blocks; k++) {
      const p = s.p + k * BLOCK;
      const count = countOf(s, k);
      storeBlock(a.du + s.batch * a.duB + time * a.duT + h * a.duH + p * a.duP, a.duP, a.dtype, s.row, count);
      storeBlock(a.ddelta + s.batch * a.ddeltaB + time * a.ddeltaT + h * a.ddeltaH + p * a.ddeltaP, a.ddeltaP, a.dtype, s.row, count);
      if (a.dz) storeBlock(a.dz + s.batch * a.dzB + time * a.dzT + h * a.dzH + p * a.dzP, a.dzP, a.dtype, s.row, count);
    }
    if (a.BVaries) clearRow(a.dB + partRow(a, s, h, part, time), a.N);
    if (a.CVaries) clearRow(a.dC + partRow(a, s, h, part, time), a.N);
  }
}

/** (channel, state) values of any strides into [block][n][8]. */
function loadBlocks(to: usize, from: usize, stride: isize, perState: isize, dtype: u32, N: u32, s: Slice): void {
  for (let k: u32 = 0; k < s.blocks; k++, from += BLOCK * stride) {
    for (let n: u32 = 0; n < N; n++, to += ROW) loadRow(to, from + n * perState, stride, dtype, countOf(s, k));
  }
}

/** The inverse of {@link loadBlocks}, for f32. */
function storeBlocks(to: usize, stride: isize, perState: isize, from: usize, N: u32, s: Slice): void {
  for (let k: u32 = 0; k < s.blocks; k++, to += BLOCK * stride) {
    for (let n: u32 = 0; n < N; n++, from += ROW) storeRow(to + n * perState, stride, F32, from, countOf(s, k));
  }
}

/**
 * Rows of a dense result as the sum of their parts, in the order of the parts. One unit is one row: `width`
 * values of one of `groups` interleaved results.
 */
export function sumParts(args: usize, begin: u32, end: u32, scratch: usize): u32 {
  const a = changetype<SumPartsArgs>(args);
  for (; begin < end; begin++) {
    const row = begin / a.groups;
    const group = begin % a.groups;
    const from = a.parts + <usize>group * a.partsPerGroup * a.partBytes + <usize>row * (a.width << 2);
    const to = a.out + row * a.outRow + group * a.outGroup;
    for (let i: u32 = 0; i < a.width; i += 128) {
      const count = minimum(128, a.width - i);
      loadRow(scratch, from + (<usize>i << 2), 4, F32, count);
      for (let part: u32 = 1; part < a.partsPerGroup; part++) {
        const other = from + <usize>part * a.partBytes + (<usize>i << 2);
        for (let j: usize = 0; j < <usize>count << 2; j += 4) store<f32>(scratch + j, load<f32>(scratch + j) + load<f32>(other + j));
      }
      storeRow(to + <usize>i * a.outStride, a.outStride, a.dtype, scratch, count);
    }
  }
  return 0;
}
