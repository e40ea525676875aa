import { C1, C2, C3, C4, C5, clamp, constant, exp2Within, HIGHEST, LOG2E, LOWEST, ONE, ROUNDER } from './exponential';
import { madd } from './vector';

/*
 * What a tile of time steps keeps, at constant distances so that a step moves few pointers, and the loops that go
 * forward over it for the states; the one that goes back is in `scan-backward-gradients.ts`.
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
@inline export const STATES: usize = SCAN_BACKWARD_TILE * PAIR_ROW;
// @ts-ignore: decorator
@inline export const PAIR_BYTES: usize = STATES + (SCAN_BACKWARD_TILE + 1) * PAIR_ROW;

/** Varying B and C as [n / 2][t] of (B0, B1, C0, C1), and the lanes of their gradients as [n / 2][t] of four vectors. */
// @ts-ignore: decorator
@inline export const PROJECTED: usize = 16;
// @ts-ignore: decorator
@inline export const LANES: usize = 64;

/**
 * e^y = 1 + y + e2 y^2 + ... with degree 4 on [-0.32, 0], 5 on [-0.66, 0] and 7 on [-1.5, 0]: minimax under exact
 * constant and linear terms, relative errors below 1.5e-7. With its coefficients times powers of A it is a polynomial
 * in dt: one multiply-add for each, and no reduction. After them the bounds, the steepest A, and the largest |dt A|
 * for which exp2 needs no clamps.
 */
const polynomials = memory.data<f32>([
  0.499921232, 0.165510416, 0.0362997688, 0.0, 0.0, 0.0,
  0.499966383, 0.166308627, 0.0403284468, 0.00617425982, 0.0, 0.0,
  0.499994516, 0.166620746, 0.0415194333, 0.00809521135, 0.00117805216, 9.65909639e-05,
  0.32, 0.66, 1.5, 4096.0, 87.0,
]);
/** Bytes of the coefficients of one degree. */
// @ts-ignore: decorator
@inline const DEGREE: usize = 24;

/** How e^(dt A) of a tile is made: by exp2 with and without its clamps, or by a polynomial of that degree. */
// @ts-ignore: decorator
@inline const ANYWHERE: u32 = 0;
// @ts-ignore: decorator
@inline const WITHIN: u32 = 1;
// @ts-ignore: decorator
@inline const DEGREE_4: u32 = 4;
// @ts-ignore: decorator
@inline const DEGREE_5: u32 = 5;
// @ts-ignore: decorator
@inline const DEGREE_7: u32 = 7;

/** Of two states; `reach` is the largest dt of the tile when no dt is negative, and negative or NaN otherwise. */
// @ts-ignore: decorator
@inline
function rangeOf(reach: v128, A: usize): u32 {
  if (i32x4.bitmask(reach)) return ANYWHERE;
  const A0 = v128.load(A), A1 = v128.load(A, ROW);
  const steepest = f32x4.max(f32x4.abs(A0), f32x4.abs(A1));
  const y = f32x4.mul(reach, steepest);
  if (!i32x4.all_true(f32x4.lt(y, v128.load32_splat(polynomials, 3 * DEGREE + 16)))) return ANYWHERE;
  // No A is positive, and none is steeper than its powers allow.
  const fit = v128.and(f32x4.le(f32x4.max(A0, A1), f32x4.splat(0)), f32x4.lt(steepest, v128.load32_splat(polynomials, 3 * DEGREE + 12)));
  if (!i32x4.all_true(v128.and(fit, f32x4.le(y, v128.load32_splat(polynomials, 3 * DEGREE + 8))))) return WITHIN;
  if (i32x4.all_true(f32x4.le(y, v128.load32_splat(polynomials, 3 * DEGREE)))) return DEGREE_4;
  return i32x4.all_true(f32x4.le(y, v128.load32_splat(polynomials, 3 * DEGREE + 4))) ? DEGREE_5 : DEGREE_7;
}

/** e_k A^k */
// @ts-ignore: decorator
@inline
function term(k: usize, Ak: v128, degree: u32): v128 {
  return f32x4.mul(Ak, v128.load32_splat(polynomials + (degree == 4 ? 0 : degree == 5 ? DEGREE : 2 * DEGREE) + ((k - 2) << 2)));
}

/** e^(dt A) for the terms of one A. */
// @ts-ignore: decorator
@inline
function decayByPowers(dt: v128, k7: v128, k6: v128, k5: v128, k4: v128, k3: v128, k2: v128, A: v128, one: v128, degree: u32): v128 {
  let p = k4;
  if (degree == 5) p = madd(k5, dt, k4);
  if (degree == 7) p = madd(madd(madd(k7, dt, k6), dt, k5), dt, k4);
  return madd(madd(madd(madd(p, dt, k3), dt, k2), dt, A), dt, one);
}

/** Two states of a block over a tile, from `from` to `to`; B as in {@link remakePair}. */
// @ts-ignore: decorator
@inline
export function advancePair(tile: usize, reach: usize, A: usize, from: usize, to: usize, B: usize, steps: u32, BVaries: bool): void {
  for (let half: usize = 0; half < ROW; half += 16) {
    const at = tile + half, end = at + steps * ROW;
    const range = BVaries ? rangeOf(v128.load(reach + half), A + half) : ANYWHERE;
    if (range == DEGREE_4) advance4(at, end, B, A + half, from + half, to + half);
    else if (range == DEGREE_5) advance5(at, end, B, A + half, from + half, to + half);
    else if (range == DEGREE_7) advance7(at, end, B, A + half, from + half, to + half);
    else if (range == WITHIN) advanceWithin(at, end, B, A + half, from + half, to + half);
    else walkByExp2(at, end, BVaries ? B : B + half, 0, A + half, from + half, to + half, 0, BVaries, false, false, false, false);
  }
}

// Functions of their own, or Binaryen folds all forms of a loop into one that asks at every step.

function advance4(at: usize, end: usize, b: usize, A: usize, from: usize, to: usize): void {
  walkByPowers(at, end, b, A, from, to, 0, false, false, 4);
}

function advance5(at: usize, end: usize, b: usize, A: usize, from: usize, to: usize): void {
  walkByPowers(at, end, b, A, from, to, 0, false, false, 5);
}

function advance7(at: usize, end: usize, b: usize, A: usize, from: usize, to: usize): void {
  walkByPowers(at, end, b, A, from, to, 0, false, false, 7);
}

function advanceWithin(at: usize, end: usize, b: usize, A: usize, from: usize, to: usize): void {
  walkByExp2(at, end, b, 0, A, from, to, 0, true, false, true, false, false);
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
  for (let half: usize = 0; half < ROW; half += 16) {
    const at = tile + half, end = at + steps * ROW, to = pair + half, y = sums + half;
    const range = BVaries && CVaries ? rangeOf(v128.load(reach + half), A + half) : ANYWHERE;
    if (range == DEGREE_4) {
      if (gated) remake4Gated(at, end, B, A + half, start + half, to, y);
      else remake4(at, end, B, A + half, start + half, to);
    } else if (range == DEGREE_5) {
      if (gated) remake5Gated(at, end, B, A + half, start + half, to, y);
      else remake5(at, end, B, A + half, start + half, to);
    } else if (range == DEGREE_7) {
      if (gated) remake7Gated(at, end, B, A + half, start + half, to, y);
      else remake7(at, end, B, A + half, start + half, to);
    } else if (range == WITHIN) {
      if (gated) remakeWithinGated(at, end, B, A + half, start + half, to, y);
      else remakeWithin(at, end, B, A + half, start + half, to);
    } else {
      const b = BVaries ? B : B + half, c = CVaries ? C + 8 : C + half;
      walkByExp2(at, end, b, c, A + half, start + half, to, y, BVaries, CVaries, false, true, gated);
    }
  }
}

function remake4(at: usize, end: usize, b: usize, A: usize, start: usize, pair: usize): void {
  walkByPowers(at, end, b, A, start, pair, 0, true, false, 4);
}

function remake4Gated(at: usize, end: usize, b: usize, A: usize, start: usize, pair: usize, y: usize): void {
  walkByPowers(at, end, b, A, start, pair, y, true, true, 4);
}

function remake5(at: usize, end: usize, b: usize, A: usize, start: usize, pair: usize): void {
  walkByPowers(at, end, b, A, start, pair, 0, true, false, 5);
}

function remake5Gated(at: usize, end: usize, b: usize, A: usize, start: usize, pair: usize, y: usize): void {
  walkByPowers(at, end, b, A, start, pair, y, true, true, 5);
}

function remake7(at: usize, end: usize, b: usize, A: usize, start: usize, pair: usize): void {
  walkByPowers(at, end, b, A, start, pair, 0, true, false, 7);
}

function remake7Gated(at: usize, end: usize, b: usize, A: usize, start: usize, pair: usize, y: usize): void {
  walkByPowers(at, end, b, A, start, pair, y, true, true, 7);
}

function remakeWithin(at: usize, end: usize, b: usize, A: usize, start: usize, pair: usize): void {
  walkByExp2(at, end, b, b + 8, A, start, pair, 0, true, true, true, true, false);
}

function remakeWithinGated(at: usize, end: usize, b: usize, A: usize, start: usize, pair: usize, y: usize): void {
  walkByExp2(at, end, b, b + 8, A, start, pair, y, true, true, true, true, true);
}

/**
 * Two states of 4 channels over a tile, from the states at `from`: to the states at `to` or, where `kept`, to all a and h
 * of the tile there. Two, because the chain from h to h is longer than what one of them has to do in a step.
 */
// @ts-ignore: decorator
@inline
function walkByPowers(
  at: usize, end: usize, b: usize, A: usize, from: usize, to: usize, y: usize, kept: bool, gated: bool, degree: u32,
): void {
  const one = constant(ONE);
  const A0 = v128.load(A), A1 = v128.load(A, ROW);
  const square0 = f32x4.mul(A0, A0), cube0 = f32x4.mul(square0, A0), fourth0 = f32x4.mul(square0, square0);
  const square1 = f32x4.mul(A1, A1), cube1 = f32x4.mul(square1, A1), fourth1 = f32x4.mul(square1, square1);
  const k02 = term(2, square0, degree), k03 = term(3, cube0, degree), k04 = term(4, fourth0, degree);
  const k12 = term(2, square1, degree), k13 = term(3, cube1, degree), k14 = term(4, fourth1, degree);
  const k05 = degree > 4 ? term(5, f32x4.mul(fourth0, A0), degree) : one, k15 = degree > 4 ? term(5, f32x4.mul(fourth1, A1), degree) : one;
  const k06 = degree > 5 ? term(6, f32x4.mul(cube0, cube0), degree) : one, k16 = degree > 5 ? term(6, f32x4.mul(cube1, cube1), degree) : one;
  const k07 = degree > 5 ? term(7, f32x4.mul(cube0, fourth0), degree) : one, k17 = degree > 5 ? term(7, f32x4.mul(cube1, fourth1), degree) : one;
  let h0 = v128.load(from), h1 = v128.load(from, ROW);
  if (kept) {
    v128.store(to, h0, STATES);
    v128.store(to, h1, STATES + ROW);
  }
  for (; at < end; at += ROW, b += PROJECTED) {
    const dt = v128.load(at, DT), du = v128.load(at, DU);
    const a0 = decayByPowers(dt, k07, k06, k05, k04, k03, k02, A0, one, degree);
    if (kept) v128.store(to, a0);
    h0 = madd(a0, h0, f32x4.mul(du, v128.load32_splat(b)));
    if (kept) v128.store(to, h0, STATES + PAIR_ROW);
    const a1 = decayByPowers(dt, k17, k16, k15, k14, k13, k12, A1, one, degree);
    if (kept) v128.store(to, a1, ROW);
    h1 = madd(a1, h1, f32x4.mul(du, v128.load32_splat(b, 4)));
    if (kept) {
      v128.store(to, h1, STATES + PAIR_ROW + ROW);
      to += PAIR_ROW;
    }
    if (gated) {
      v128.store(y, madd(h1, v128.load32_splat(b, 12), madd(h0, v128.load32_splat(b, 8), v128.load(y, Y))), Y);
      y += ROW;
    }
  }
  if (!kept) {
    v128.store(to, h0);
    v128.store(to, h1, ROW);
  }
}

/** As {@link walkByPowers}, for any A: with clamps unless `within`. */
// @ts-ignore: decorator
@inline
function walkByExp2(
  at: usize, end: usize, b: usize, c: usize, A: usize, from: usize, to: usize, y: usize,
  BVaries: bool, CVaries: bool, within: bool, kept: bool, gated: bool,
): void {
  const low = constant(LOWEST), high = constant(HIGHEST), k2 = constant(ROUNDER);
  const k3 = constant(C5), k4 = constant(C4), k5 = constant(C3), k6 = constant(C2), k7 = constant(C1), k8 = constant(ONE);
  const A0 = f32x4.mul(v128.load(A), constant(LOG2E)), A1 = f32x4.mul(v128.load(A, ROW), constant(LOG2E));
  let h0 = v128.load(from), h1 = v128.load(from, ROW);
  if (kept) {
    v128.store(to, h0, STATES);
    v128.store(to, h1, STATES + ROW);
  }
  for (; at < end; at += ROW) {
    const dt = v128.load(at, DT), du = v128.load(at, DU);
    const x0 = f32x4.mul(dt, A0);
    const a0 = exp2Within(within ? x0 : clamp(x0, low, high), k2, k3, k4, k5, k6, k7, k8);
    if (kept) v128.store(to, a0);
    h0 = madd(a0, h0, f32x4.mul(du, BVaries ? v128.load32_splat(b) : v128.load(b)));
    if (kept) v128.store(to, h0, STATES + PAIR_ROW);
    const x1 = f32x4.mul(dt, A1);
    const a1 = exp2Within(within ? x1 : clamp(x1, low, high), k2, k3, k4, k5, k6, k7, k8);
    if (kept) v128.store(to, a1, ROW);
    h1 = madd(a1, h1, f32x4.mul(du, BVaries ? v128.load32_splat(b, 4) : v128.load(b, ROW)));
    if (kept) {
      v128.store(to, h1, STATES + PAIR_ROW + ROW);
      to += PAIR_ROW;
    }
    if (gated) {
      const c0 = CVaries ? v128.load32_splat(c) : v128.load(c), c1 = CVaries ? v128.load32_splat(c, 4) : v128.load(c, ROW);
      v128.store(y, madd(h1, c1, madd(h0, c0, v128.load(y, Y))), Y);
      y += ROW;
    }
    if (BVaries) b += PROJECTED;
    if (CVaries) c += PROJECTED;
  }
  if (!kept) {
    v128.store(to, h0);
    v128.store(to, h1, ROW);
  }
}
