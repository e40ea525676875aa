import { C1, C2, C3, C4, C5, clamp, constant, exp2Within, HIGHEST, LOG2E, LOWEST, ONE, ROUNDER } from './exponential';
import { madd } from './vector';

/*
 * The loops over the time steps of one tile: going forward for the states, going back for the gradients. What a
 * tile keeps lies at constant distances, so that a step moves few pointers.
 */

/** Time steps of a tile: what a block needs of one fits a first-level cache. */
export const SCAN_BACKWARD_TILE: u32 = 32;
/** Bytes of the 8 channels of a block. */
// @ts-ignore: decorator
@inline export const ROW: usize = 32;
// @ts-ignore: decorator
@inline const REGION: usize = SCAN_BACKWARD_TILE * ROW;

/** Arrays of [t][8] that every block of a tile has, in this order. */
// @ts-ignore: decorator
@inline export const DT: usize = 0;
/** dt u */
// @ts-ignore: decorator
@inline export const DU: usize = REGION;
/** ds = dy silu(z) */
// @ts-ignore: decorator
@inline export const DS: usize = 2 * REGION;
/** u, and du when the block is done */
// @ts-ignore: decorator
@inline export const U: usize = 3 * REGION;
/** d dt / d delta, and ddelta */
// @ts-ignore: decorator
@inline export const SLOPE: usize = 4 * REGION;
/** dy silu'(z), and dz */
// @ts-ignore: decorator
@inline export const DGATE: usize = 5 * REGION;
/** The odd line keeps the same row of many blocks out of the same cache set. */
// @ts-ignore: decorator
@inline export const TILE_BYTES: usize = 6 * REGION + 64;

/** Sums over the states of the block at hand, [t][8] each: of g B, of g a h A (h of the step before), of C h. */
// @ts-ignore: decorator
@inline export const Q: usize = 0;
// @ts-ignore: decorator
@inline export const R: usize = REGION;
// @ts-ignore: decorator
@inline export const Y: usize = 2 * REGION;
// @ts-ignore: decorator
@inline export const SUM_BYTES: usize = 3 * REGION;

/** Of two states: [t][2][8] of a, then [t + 1][2][8] of h from the tile's start on. */
// @ts-ignore: decorator
@inline export const PAIR_ROW: usize = 2 * ROW;
// @ts-ignore: decorator
@inline const STATES: usize = SCAN_BACKWARD_TILE * PAIR_ROW;
// @ts-ignore: decorator
@inline export const PAIR_BYTES: usize = STATES + (SCAN_BACKWARD_TILE + 1) * PAIR_ROW;

/** Varying B and C as [n / 2][t] of (B0, B1, C0, C1), and the lanes of their gradients as [n / 2][t] of four vectors. */
// @ts-ignore: decorator
@inline export const PROJECTED: usize = 16;
// @ts-ignore: decorator
@inline export const LANES: usize = 64;

/**
 * e^y = 1 + y + e2 y^2 + ... on [-0.625, 0] with degree 5 and on [-1, 0] with degree 6: minimax under exact constant
 * and linear terms, relative errors 7.6e-8 and 4.2e-8. With its coefficients times powers of A it is a polynomial in dt:
 * one multiply-add for each, and no reduction.
 */
const polynomials = memory.data<f32>([
  0.49997276, 0.16635992, 0.04045571, 0.0062737, 0.0,
  0.49998966584434845, 0.16656661453041494, 0.041308153650264134, 0.007720524959936466, 0.0008687766463072354,
  -0.625, -1.0, -4096.0, 126.0,
]);

/** Where dt A of a tile lies: anywhere; where exp2 needs no clamps; in [-1, 0]; in [-0.625, 0]. */
// @ts-ignore: decorator
@inline const ANYWHERE: u32 = 0;
// @ts-ignore: decorator
@inline const WITHIN: u32 = 1;
// @ts-ignore: decorator
@inline const UNIT: u32 = 2;
// @ts-ignore: decorator
@inline const NEAR: u32 = 3;

/** `reach` is the largest dt of the tile when no dt is negative, and negative or NaN otherwise. */
// @ts-ignore: decorator
@inline
function rangeOf(reach: v128, A: v128): u32 {
  if (i32x4.bitmask(reach)) return ANYWHERE;
  const y = f32x4.mul(reach, A);
  const limit = v128.load32_splat(polynomials, 52);
  if (!i32x4.all_true(f32x4.lt(f32x4.abs(f32x4.mul(y, constant(LOG2E))), limit))) return ANYWHERE;
  const steepest = v128.load32_splat(polynomials, 48);
  if (!i32x4.all_true(v128.and(f32x4.le(A, f32x4.splat(0)), f32x4.gt(A, steepest)))) return WITHIN;
  if (i32x4.all_true(f32x4.ge(y, v128.load32_splat(polynomials, 40)))) return NEAR;
  return i32x4.all_true(f32x4.ge(y, v128.load32_splat(polynomials, 44))) ? UNIT : WITHIN;
}

/** e_k A^k */
// @ts-ignore: decorator
@inline
function term(k: usize, Ak: v128, near: bool): v128 {
  return f32x4.mul(Ak, v128.load32_splat(polynomials + (near ? 0 : 20) + ((k - 2) << 2)));
}

/** One state of a block over a tile, from `from` to `to`; B as in {@link remakePair}. */
// @ts-ignore: decorator
@inline
export function advanceState(tile: usize, reach: usize, A: usize, from: usize, to: usize, B: usize, steps: u32, BVaries: bool): void {
  for (let half: usize = 0; half < ROW; half += 16) {
    const at = tile + half, end = at + steps * ROW;
    const decay = v128.load(A + half), h = v128.load(from + half);
    const b = BVaries ? B : B + half;
    const range = BVaries ? rangeOf(v128.load(reach + half), decay) : ANYWHERE;
    if (range == NEAR) v128.store(to + half, advanceNear(at, end, b, decay, h));
    else if (range == UNIT) v128.store(to + half, advanceUnit(at, end, b, decay, h));
    else if (range == WITHIN) v128.store(to + half, advanceWithin(at, end, b, decay, h));
    else v128.store(to + half, advance(at, end, b, decay, h, BVaries));
  }
}

function advanceNear(at: usize, end: usize, b: usize, A: v128, h: v128): v128 {
  return advanceByPowers(at, end, b, A, h, true);
}

function advanceUnit(at: usize, end: usize, b: usize, A: v128, h: v128): v128 {
  return advanceByPowers(at, end, b, A, h, false);
}

// @ts-ignore: decorator
@inline
function advanceByPowers(at: usize, end: usize, b: usize, A: v128, h: v128, near: bool): v128 {
  const one = constant(ONE), A2 = f32x4.mul(A, A), A3 = f32x4.mul(A2, A), A4 = f32x4.mul(A2, A2), A5 = f32x4.mul(A4, A);
  const k2 = term(2, A2, near), k3 = term(3, A3, near), k4 = term(4, A4, near), k5 = term(5, A5, near);
  const k6 = near ? k5 : term(6, f32x4.mul(A5, A), near);
  for (; at < end; at += ROW, b += PROJECTED) {
    const a = decayByPowers(v128.load(at, DT), k6, k5, k4, k3, k2, A, one, near);
    h = madd(a, h, f32x4.mul(v128.load(at, DU), v128.load32_splat(b)));
  }
  return h;
}

function advanceWithin(at: usize, end: usize, b: usize, A: v128, h: v128): v128 {
  const k2 = constant(ROUNDER), k3 = constant(C5), k4 = constant(C4), k5 = constant(C3), k6 = constant(C2), k7 = constant(C1), k8 = constant(ONE);
  const A2 = f32x4.mul(A, constant(LOG2E));
  for (; at < end; at += ROW, b += PROJECTED) {
    const a = exp2Within(f32x4.mul(v128.load(at, DT), A2), k2, k3, k4, k5, k6, k7, k8);
    h = madd(a, h, f32x4.mul(v128.load(at, DU), v128.load32_splat(b)));
  }
  return h;
}

// @ts-ignore: decorator
@inline
function advance(at: usize, end: usize, b: usize, A: v128, h: v128, BVaries: bool): v128 {
  const low = constant(LOWEST), high = constant(HIGHEST), k2 = constant(ROUNDER);
  const k3 = constant(C5), k4 = constant(C4), k5 = constant(C3), k6 = constant(C2), k7 = constant(C1), k8 = constant(ONE);
  const A2 = f32x4.mul(A, constant(LOG2E));
  for (; at < end; at += ROW) {
    const a = exp2Within(clamp(f32x4.mul(v128.load(at, DT), A2), low, high), k2, k3, k4, k5, k6, k7, k8);
    h = madd(a, h, f32x4.mul(v128.load(at, DU), BVaries ? v128.load32_splat(b) : v128.load(b)));
    if (BVaries) b += PROJECTED;
  }
  return h;
}

// @ts-ignore: decorator
@inline
function decayByPowers(dt: v128, k6: v128, k5: v128, k4: v128, k3: v128, k2: v128, k1: v128, one: v128, near: bool): v128 {
  const p = near ? k5 : madd(k6, dt, k5);
  return madd(madd(madd(madd(madd(p, dt, k4), dt, k3), dt, k2), dt, k1), dt, one);
}

/**
 * a and h of two states of a block over a tile, and sum_n C h where z wants it. Varying B and C are (B0, B1, C0, C1) a
 * step, constant ones [2][8].
 */
// @ts-ignore: decorator
@inline
export function remakePair(
  tile: usize, sums: usize, reach: usize, pair: usize, A: usize, start: usize, B: usize, C: usize, steps: u32,
  BVaries: bool, CVaries: bool, gated: bool,
): void {
  for (let lane: usize = 0; lane < PAIR_ROW; lane += 16) {
    const half = lane & 16, state = lane >> 5;
    const at = tile + half, end = at + steps * ROW, to = pair + lane, y = sums + half;
    const decay = v128.load(A + lane), h = v128.load(start + lane);
    v128.store(to, h, STATES);
    const b = BVaries ? B + (state << 2) : B + lane;
    const c = CVaries ? C + 8 + (state << 2) : C + lane;
    const range = BVaries && CVaries ? rangeOf(v128.load(reach + half), decay) : ANYWHERE;
    if (range == NEAR) {
      if (gated) remakeNearGated(at, end, to, b, y, decay, h);
      else remakeNear(at, end, to, b, decay, h);
    } else if (range == UNIT) {
      if (gated) remakeUnitGated(at, end, to, b, y, decay, h);
      else remakeUnit(at, end, to, b, decay, h);
    } else if (range == WITHIN) {
      if (gated) remakeWithinGated(at, end, to, b, y, decay, h);
      else remakeWithin(at, end, to, b, decay, h);
    } else {
      remake(at, end, to, b, c, y, decay, h, BVaries, CVaries, gated);
    }
  }
}

function remakeNear(at: usize, end: usize, pair: usize, b: usize, A: v128, h: v128): void {
  remakeByPowers(at, end, pair, b, 0, A, h, false, true);
}

function remakeNearGated(at: usize, end: usize, pair: usize, b: usize, y: usize, A: v128, h: v128): void {
  remakeByPowers(at, end, pair, b, y, A, h, true, true);
}

function remakeUnit(at: usize, end: usize, pair: usize, b: usize, A: v128, h: v128): void {
  remakeByPowers(at, end, pair, b, 0, A, h, false, false);
}

function remakeUnitGated(at: usize, end: usize, pair: usize, b: usize, y: usize, A: v128, h: v128): void {
  remakeByPowers(at, end, pair, b, y, A, h, true, false);
}

// @ts-ignore: decorator
@inline
function remakeByPowers(at: usize, end: usize, pair: usize, b: usize, y: usize, A: v128, h: v128, gated: bool, near: bool): void {
  const one = constant(ONE), A2 = f32x4.mul(A, A), A3 = f32x4.mul(A2, A), A4 = f32x4.mul(A2, A2), A5 = f32x4.mul(A4, A);
  const k2 = term(2, A2, near), k3 = term(3, A3, near), k4 = term(4, A4, near), k5 = term(5, A5, near);
  const k6 = near ? k5 : term(6, f32x4.mul(A5, A), near);
  for (; at < end; at += ROW, b += PROJECTED, pair += PAIR_ROW) {
    const a = decayByPowers(v128.load(at, DT), k6, k5, k4, k3, k2, A, one, near);
    v128.store(pair, a);
    h = madd(a, h, f32x4.mul(v128.load(at, DU), v128.load32_splat(b)));
    v128.store(pair, h, STATES + PAIR_ROW);
    if (gated) {
      v128.store(y, madd(h, v128.load32_splat(b, 8), v128.load(y, Y)), Y);
      y += ROW;
    }
  }
}

function remakeWithin(at: usize, end: usize, pair: usize, b: usize, A: v128, h: v128): void {
  remakeInRange(at, end, pair, b, 0, A, h, false);
}

function remakeWithinGated(at: usize, end: usize, pair: usize, b: usize, y: usize, A: v128, h: v128): void {
  remakeInRange(at, end, pair, b, y, A, h, true);
}

// @ts-ignore: decorator
@inline
function remakeInRange(at: usize, end: usize, pair: usize, b: usize, y: usize, A: v128, h: v128, gated: bool): void {
  const k2 = constant(ROUNDER), k3 = constant(C5), k4 = constant(C4), k5 = constant(C3), k6 = constant(C2), k7 = constant(C1), k8 = constant(ONE);
  const A2 = f32x4.mul(A, constant(LOG2E));
  for (; at < end; at += ROW, b += PROJECTED, pair += PAIR_ROW) {
    const a = exp2Within(f32x4.mul(v128.load(at, DT), A2), k2, k3, k4, k5, k6, k7, k8);
    v128.store(pair, a);
    h = madd(a, h, f32x4.mul(v128.load(at, DU), v128.load32_splat(b)));
    v128.store(pair, h, STATES + PAIR_ROW);
    if (gated) {
      v128.store(y, madd(h, v128.load32_splat(b, 8), v128.load(y, Y)), Y);
      y += ROW;
    }
  }
}

// @ts-ignore: decorator
@inline
function remake(at: usize, end: usize, pair: usize, b: usize, c: usize, y: usize, A: v128, h: v128, BVaries: bool, CVaries: bool, gated: bool): void {
  const low = constant(LOWEST), high = constant(HIGHEST), k2 = constant(ROUNDER);
  const k3 = constant(C5), k4 = constant(C4), k5 = constant(C3), k6 = constant(C2), k7 = constant(C1), k8 = constant(ONE);
  const A2 = f32x4.mul(A, constant(LOG2E));
  for (; at < end; at += ROW, pair += PAIR_ROW) {
    const a = exp2Within(clamp(f32x4.mul(v128.load(at, DT), A2), low, high), k2, k3, k4, k5, k6, k7, k8);
    v128.store(pair, a);
    h = madd(a, h, f32x4.mul(v128.load(at, DU), BVaries ? v128.load32_splat(b) : v128.load(b)));
    v128.store(pair, h, STATES + PAIR_ROW);
    if (gated) {
      v128.store(y, madd(h, CVaries ? v128.load32_splat(c) : v128.load(c), v128.load(y, Y)), Y);
      y += ROW;
    }
    if (BVaries) b += PROJECTED;
    if (CVaries) c += PROJECTED;
  }
}

/**
 * The way back of two states of a block over a tile. g, dA and A are [2][8]; so are B, C, dB and dC where they do not
 * vary. A stays in memory: with g and dA in registers there is room for what one step needs.
 */
// @ts-ignore: decorator
@inline
export function gradientsOfPair(
  tile: usize, sums: usize, pair: usize, A: usize, g: usize, dA: usize, B: usize, C: usize, dB: usize, dC: usize,
  projected: usize, lanes: usize, steps: u32, BVaries: bool, CVaries: bool,
): void {
  let g00 = v128.load(g), g01 = v128.load(g, 16), g10 = v128.load(g, 32), g11 = v128.load(g, 48);
  let dA00 = v128.load(dA), dA01 = v128.load(dA, 16), dA10 = v128.load(dA, 32), dA11 = v128.load(dA, 48);
  const last = steps - 1;
  let b = projected + last * PROJECTED;
  pair += last * PAIR_ROW;
  lanes += last * LANES;
  sums += last * ROW;
  for (let at = tile + last * ROW; at >= tile; at -= ROW, sums -= ROW, pair -= PAIR_ROW, lanes -= LANES, b -= PROJECTED) {
    const ds0 = v128.load(at, DS), ds1 = v128.load(at, DS + 16);
    g00 = madd(ds0, CVaries ? v128.load32_splat(b, 8) : v128.load(C), g00);
    g01 = madd(ds1, CVaries ? v128.load32_splat(b, 8) : v128.load(C, 16), g01);
    g10 = madd(ds0, CVaries ? v128.load32_splat(b, 12) : v128.load(C, 32), g10);
    g11 = madd(ds1, CVaries ? v128.load32_splat(b, 12) : v128.load(C, 48), g11);
    const h00 = v128.load(pair, STATES + PAIR_ROW), h01 = v128.load(pair, STATES + PAIR_ROW + 16);
    const h10 = v128.load(pair, STATES + PAIR_ROW + 32), h11 = v128.load(pair, STATES + PAIR_ROW + 48);
    if (CVaries) {
      v128.store(lanes, madd(ds0, h00, madd(ds1, h01, v128.load(lanes, 32))), 32);
      v128.store(lanes, madd(ds0, h10, madd(ds1, h11, v128.load(lanes, 48))), 48);
    } else {
      accumulate(dC, ds0, h00, ds1, h01, ds0, h10, ds1, h11);
    }
    const du0 = v128.load(at, DU), du1 = v128.load(at, DU + 16);
    if (BVaries) {
      v128.store(lanes, madd(g00, du0, madd(g01, du1, v128.load(lanes))));
      v128.store(lanes, madd(g10, du0, madd(g11, du1, v128.load(lanes, 16))), 16);
      const b0 = v128.load32_splat(b), b1 = v128.load32_splat(b, 4);
      v128.store(sums, madd(g00, b0, madd(g10, b1, v128.load(sums, Q))), Q);
      v128.store(sums, madd(g01, b0, madd(g11, b1, v128.load(sums, Q + 16))), Q + 16);
    } else {
      accumulate(dB, g00, du0, g01, du1, g10, du0, g11, du1);
      v128.store(sums, madd(g00, v128.load(B), madd(g10, v128.load(B, 32), v128.load(sums, Q))), Q);
      v128.store(sums, madd(g01, v128.load(B, 16), madd(g11, v128.load(B, 48), v128.load(sums, Q + 16))), Q + 16);
    }
    g00 = f32x4.mul(g00, v128.load(pair));
    g10 = f32x4.mul(g10, v128.load(pair, 32));
    const dt0 = v128.load(at, DT);
    const m00 = f32x4.mul(g00, v128.load(pair, STATES)), m10 = f32x4.mul(g10, v128.load(pair, STATES + 32));
    v128.store(sums, madd(m00, v128.load(A), madd(m10, v128.load(A, 32), v128.load(sums, R))), R);
    dA00 = madd(m00, dt0, dA00);
    dA10 = madd(m10, dt0, dA10);
    g01 = f32x4.mul(g01, v128.load(pair, 16));
    g11 = f32x4.mul(g11, v128.load(pair, 48));
    const dt1 = v128.load(at, DT + 16);
    const m01 = f32x4.mul(g01, v128.load(pair, STATES + 16)), m11 = f32x4.mul(g11, v128.load(pair, STATES + 48));
    v128.store(sums, madd(m01, v128.load(A, 16), madd(m11, v128.load(A, 48), v128.load(sums, R + 16))), R + 16);
    dA01 = madd(m01, dt1, dA01);
    dA11 = madd(m11, dt1, dA11);
  }
  v128.store(g, g00);
  v128.store(g, g01, 16);
  v128.store(g, g10, 32);
  v128.store(g, g11, 48);
  v128.store(dA, dA00);
  v128.store(dA, dA01, 16);
  v128.store(dA, dA10, 32);
  v128.store(dA, dA11, 48);
}

/** [2][8] += products: of a projection that does not vary. */
// @ts-ignore: decorator
@inline
function accumulate(to: usize, x00: v128, y00: v128, x01: v128, y01: v128, x10: v128, y10: v128, x11: v128, y11: v128): void {
  v128.store(to, madd(x00, y00, v128.load(to)));
  v128.store(to, madd(x01, y01, v128.load(to, 16)), 16);
  v128.store(to, madd(x10, y10, v128.load(to, 32)), 32);
  v128.store(to, madd(x11, y11, v128.load(to, 48)), 48);
}
