import { logOnePlus, silu, siluSlope } from './activation';
import { ScanBackwardArgs } from './args';
import { bytesOf, F32 } from './dtype';
import { constant, exp, ONE } from './exponential';
import { loadRow, storeRow } from './rows';
import { DGATE, DS, DT, DU, PROJECTED, Q, R, ROW, SCAN_BACKWARD_TILE, SLOPE, TILE_BYTES, U, Y } from './scan-backward-states';
import { Slice } from './scan-backward-slice';
import { madd } from './vector';

/*
 * What a time step needs before and after its states. Rows of a slice are read and written as they lie in memory, and
 * spread over the tiles of its blocks.
 */

/** The row itself where it is f32, dense and whole blocks; otherwise a copy of it, which ends in zeros. */
// @ts-ignore: decorator
@inline
function rowAt(from: usize, stride: isize, dtype: u32, count: u32, copy: usize): usize {
  if (stride == 4 && dtype == F32 && (count & 7) == 0) return from;
  loadRow(copy, from, stride, dtype, count);
  return copy;
}

/** Rows are read so many steps before they are needed. */
const AHEAD: u32 = 2;

/** Reads a byte of every line of a dense row. */
// @ts-ignore: decorator
@inline
function touch(from: usize, stride: isize, dtype: u32, count: u32): u32 {
  let read: u32 = 0;
  if (stride != bytesOf(dtype)) return read;
  for (const end = from + count * stride; from < end; from += 64) read |= load<u8>(from);
  return read;
}

/**
 * The rows of one step of a slice each lie on a page of their own, so that all of them miss; read in one go, the misses
 * overlap. What was read is kept, or the reads would be left out.
 */
// @ts-ignore: decorator
@inline
function touchRows(a: ScanBackwardArgs, s: Slice, time: i32, back: bool): void {
  let read = touch(s.u + time * a.uT, a.uP, a.dtype, s.count) | touch(s.delta + time * a.deltaT, a.deltaP, a.dtype, s.count);
  if (back) read |= touch(s.dy + time * a.dyT, a.dyP, a.dtype, s.count);
  if (back && a.z) read |= touch(s.z + time * a.zT, a.zP, a.dtype, s.count);
  s.touched = read;
}

/** dt and dt u of `steps` steps from step `t` of the walk on; on the way back everything else that is not a state's. */
// @ts-ignore: decorator
@inline
function prepareRows(a: ScanBackwardArgs, s: Slice, t: u32, steps: u32, back: bool): void {
  const zero = f32x4.splat(0), one = constant(ONE);
  const width = s.blocks * ROW;
  const softplus = a.softplus != 0, gated = a.z != 0;
  memory.fill(s.reach, 0, width);
  let strange = i32x4.splat(0);
  for (let i: u32 = 0; i < steps; i++) {
    const time = s.timeOf(t + i);
    if (i + AHEAD < steps) touchRows(a, s, s.timeOf(t + i + AHEAD), back);
    const u = rowAt(s.u + time * a.uT, a.uP, a.dtype, s.count, s.rowU);
    const delta = rowAt(s.delta + time * a.deltaT, a.deltaP, a.dtype, s.count, s.rowDelta);
    const dy = back ? rowAt(s.dy + time * a.dyT, a.dyP, a.dtype, s.count, s.rowDy) : 0;
    const z = back && gated ? rowAt(s.z + time * a.zT, a.zP, a.dtype, s.count, s.rowZ) : 0;
    let tile = s.tiles + i * ROW;
    for (let c: usize = 0; c < width; tile += TILE_BYTES - ROW) {
      for (const end = c + ROW; c < end; c += 16, tile += 16) {
        const x = f32x4.add(v128.load(delta + c), v128.load(s.bias + c));
        let dt = x;
        if (softplus) {
          const e = exp(f32x4.neg(f32x4.abs(x)));
          dt = f32x4.add(f32x4.pmax(x, zero), logOnePlus(e));
          // 1 / (1 + e^-x), and e^x / (1 + e^x) for negative x
          if (back) v128.store(tile, f32x4.div(v128.bitselect(e, one, i32x4.shr_s(x, 31)), f32x4.add(one, e)), SLOPE);
        } else if (back) {
          v128.store(tile, one, SLOPE);
        }
        const uc = v128.load(u + c);
        v128.store(tile, dt, DT);
        const du = f32x4.mul(dt, uc);
        v128.store(tile, du, DU);
        strange = v128.or(strange, notFinite(du));
        // As unsigned integers negative numbers and NaN are larger than all others.
        v128.store(s.reach + c, i32x4.max_u(v128.load(s.reach + c), dt));
        if (!back) continue;
        v128.store(tile, uc, U);
        const dyc = v128.load(dy + c);
        if (gated) {
          const zc = v128.load(z + c);
          const ds = f32x4.mul(dyc, silu(zc));
          v128.store(tile, ds, DS);
          v128.store(tile, f32x4.mul(dyc, siluSlope(zc)), DGATE);
          strange = v128.or(strange, notFinite(ds));
        } else {
          v128.store(tile, dyc, DS);
          strange = v128.or(strange, notFinite(dyc));
        }
      }
    }
  }
  if (v128.any_true(strange)) s.strange = 1;
}

/** All ones where a number is infinite or NaN. */
// @ts-ignore: decorator
@inline
export function notFinite(x: v128): v128 {
  const exponent = i32x4.splat(0x7f800000);
  return i32x4.eq(v128.and(x, exponent), exponent);
}

export function prepareForward(a: ScanBackwardArgs, s: Slice, t: u32, steps: u32): void {
  prepareRows(a, s, t, steps, false);
}

export function prepareBackward(a: ScanBackwardArgs, s: Slice, t: u32, steps: u32): void {
  prepareRows(a, s, t, steps, true);
}

/** du, ddelta and dz of a tile of a block, and its share of dD and dbias: in the order of the walk back, as the states go. */
export function finishBlock(s: Slice, k: u32, steps: u32, gated: bool): void {
  const c = k * ROW;
  for (let half: usize = 0; half < ROW; half += 16) {
    const skip = v128.load(s.skip + c + half), skips = i32x4.splat(s.skips);
    let dskip = v128.load(s.dskip + c + half), dbias = v128.load(s.dbias + c + half);
    const first = s.tiles + k * TILE_BYTES + half;
    let sums = s.sums + half + (steps - 1) * ROW;
    for (let at = first + (steps - 1) * ROW; at >= first; at -= ROW, sums -= ROW) {
      const q = v128.load(sums, Q), u = v128.load(at, U), ds = v128.load(at, DS);
      const ddelta = f32x4.mul(madd(u, q, v128.load(sums, R)), v128.load(at, SLOPE));
      dskip = madd(ds, u, dskip);
      dbias = f32x4.add(ddelta, dbias);
      v128.store(at, f32x4.add(v128.and(f32x4.mul(skip, ds), skips), f32x4.mul(v128.load(at, DT), q)), U);
      v128.store(at, ddelta, SLOPE);
      if (gated) v128.store(at, f32x4.mul(v128.load(at, DGATE), f32x4.add(v128.and(f32x4.mul(skip, u), skips), v128.load(sums, Y))), DGATE);
    }
    v128.store(s.dskip + c + half, dskip);
    v128.store(s.dbias + c + half, dbias);
  }
}

/** du, ddelta and dz of a tile to where they belong. */
export function storeRows(a: ScanBackwardArgs, s: Slice, t: u32, steps: u32): void {
  for (let i: u32 = 0; i < steps; i++) {
    const time = s.timeOf(t + i);
    const tile = s.tiles + i * ROW;
    storeBlocksOfRow(s.du + time * a.duT, a.duP, a.dtype, tile + U, s);
    storeBlocksOfRow(s.ddelta + time * a.ddeltaT, a.ddeltaP, a.dtype, tile + SLOPE, s);
    if (a.dz) storeBlocksOfRow(s.dz + time * a.dzT, a.dzP, a.dtype, tile + DGATE, s);
  }
}

// @ts-ignore: decorator
@inline
function storeBlocksOfRow(to: usize, stride: isize, dtype: u32, tile: usize, s: Slice): void {
  const inPlace = stride == 4 && dtype == F32 && (s.count & 7) == 0;
  const row = inPlace ? to : s.rowU;
  for (let at = row, end = row + s.blocks * ROW; at < end; at += ROW, tile += TILE_BYTES) {
    v128.store(at, v128.load(tile));
    v128.store(at, v128.load(tile, 16), 16);
  }
  if (!inPlace) storeRow(to, stride, dtype, row, s.count);
}

/** Varying B and C of a tile, in the order of the walk, as (B0, B1, C0, C1) of every pair of states and step. */
export function loadProjections(a: ScanBackwardArgs, s: Slice, t: u32, steps: u32): void {
  const B = s.rowB, C = s.rowC;
  let strange = i32x4.splat(0);
  for (let i: u32 = 0; i < steps; i++) {
    const time = s.timeOf(t + i);
    if (a.BVaries) loadRow(B, s.Bs + time * a.BT, a.BN, a.BType, a.N);
    if (a.CVaries) loadRow(C, s.Cs + time * a.CT, a.CN, a.CType, a.N);
    let to = s.projected + i * PROJECTED;
    for (let n: usize = 0; n < s.states << 2; n += 8, to += SCAN_BACKWARD_TILE * PROJECTED) {
      const both = v128.load64_lane(C + n, v128.load64_zero(B + n), 1);
      v128.store(to, both);
      strange = v128.or(strange, notFinite(both));
    }
  }
  if (v128.any_true(strange)) s.strange = 1;
}
