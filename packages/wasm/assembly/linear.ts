import { LinearArgs } from './args';
import { BF16, F32 } from './dtype';
import { gatherPanel, highOutputs, lowOutputs, PANEL, panelStep, widenPanel } from './panel';
import { loadRow, storeRow } from './rows';
import { madd, minimum } from './vector';

/*
 * y = x weight^T. Every output is one chain of multiply-adds over k = 0..K-1 in f32, in the small tiles, the
 * large ones and the single row alike: a row of y does not depend on how many rows there are, nor on threads.
 *
 * Many rows: x is interleaved [k][6] once per block of rows, then every panel of 8 outputs passes by and is
 * multiplied with 6 rows at a time, 12 accumulators. One row: four panels at a time, 8 accumulators, as fast as
 * the weights arrive.
 *
 * Scratch: x of a block of rows, one panel in f32, an output tile and the bias and residual beside it.
 */

export const LINEAR_ROWS: u32 = 6;

// @ts-ignore: decorator
@inline const STEP: usize = LINEAR_ROWS * 4;
/** Bytes of an output tile. */
// @ts-ignore: decorator
@inline const TILE: usize = LINEAR_ROWS * PANEL * 4;
/** Panels that a single row takes at a time. */
// @ts-ignore: decorator
@inline const QUAD: u32 = 4;

/** One unit is a panel for a block of rows, blocks of rows outermost. */
export function linear(args: usize, begin: u32, end: u32, scratch: usize): u32 {
  const a = changetype<LinearArgs>(args);
  const panels = (a.M + PANEL - 1) / PANEL;
  while (begin < end) {
    const block = begin / panels;
    const first = begin % panels;
    const count = minimum(panels - first, end - begin);
    if (a.R == 1 && a.packed) singleRow(a, first, first + count, scratch);
    else rowBlock(a, block * a.rowBlock, first, first + count, scratch);
    begin += count;
  }
  return 0;
}

function rowBlock(a: LinearArgs, row: u32, panel: u32, end: u32, scratch: usize): void {
  const rows = minimum(a.rowBlock, a.R - row);
  const group = a.K * STEP;
  const out = scratch;
  const beside = out + TILE;
  const x = beside + 2 * PANEL * 4;
  const wide = x + (a.rowBlock / LINEAR_ROWS) * group;
  for (let r: u32 = 0; r < rows; r += LINEAR_ROWS) {
    interleave(x + (r / LINEAR_ROWS) * group, a, row + r, minimum(LINEAR_ROWS, rows - r), wide);
  }
  for (; panel < end; panel++) {
    const weights = panelOf(a, panel, wide);
    for (let r: u32 = 0; r < rows; r += LINEAR_ROWS) {
      const count = minimum(LINEAR_ROWS, rows - r);
      multiplyRows(out, x + (r / LINEAR_ROWS) * group, weights, a.K, count);
      finish(a, row + r, count, panel * PANEL, out, beside);
    }
  }
}

/** Rows of x to [k][6]; `row` is room for one converted row. */
function interleave(to: usize, a: LinearArgs, first: u32, count: u32, row: usize): void {
  for (let r: u32 = 0; r < count; r++, to += 4) {
    let from = a.x + (first + r) * a.xR;
    if (a.dtype != F32 || a.xK != 4) {
      loadRow(row, from, a.xK, a.dtype, a.K);
      from = row;
    }
    for (let k: u32 = 0, at = to; k < a.K; k++, from += 4, at += STEP) store<f32>(at, load<f32>(from));
  }
}

/** A panel as f32, where it is or in `wide`. */
function panelOf(a: LinearArgs, panel: u32, wide: usize): usize {
  if (!a.packed) {
    const m = panel * PANEL;
    gatherPanel(wide, a.weight + m * a.weightM, a.weightM, a.weightK, a.weightType, minimum(PANEL, a.M - m), a.K);
    return wide;
  }
  const packed = a.weight + panel * a.K * panelStep(a.weightType);
  if (a.weightType == F32) return packed;
  widenPanel(wide, packed, a.weightType, a.K);
  return wide;
}

function multiplyRows(out: usize, x: usize, weights: usize, K: u32, rows: u32): void {
  switch (rows) {
    case 1: return tile(out, x, weights, K, 1);
    case 2: return tile(out, x, weights, K, 2);
    case 3: return tile(out, x, weights, K, 3);
    case 4: return tile(out, x, weights, K, 4);
    case 5: return tile(out, x, weights, K, 5);
    default: return tile(out, x, weights, K, 6);
  }
}

/** `rows` x 8 outputs; `rows` is a literal, so that what is not needed is not compiled. */
// @ts-ignore: decorator
@inline
function tile(out: usize, x: usize, weights: usize, K: u32, rows: u32): void {
  const zero = f32x4.splat(0);
  let a0 = zero, a1 = zero, b0 = zero, b1 = zero, c0 = zero, c1 = zero;
  let d0 = zero, d1 = zero, e0 = zero, e1 = zero, f0 = zero, f1 = zero;
  for (let end = weights + (<usize>K << 5); weights < end; weights += 32, x += STEP) {
    const w0 = v128.load(weights), w1 = v128.load(weights, 16);
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
  v128.store(out, b0, 32);
  v128.store(out, b1, 48);
  v128.store(out, c0, 64);
  v128.store(out, c1, 80);
  v128.store(out, d0, 96);
  v128.store(out, d1, 112);
  v128.store(out, e0, 128);
  v128.store(out, e1, 144);
  v128.store(out, f0, 160);
  v128.store(out, f1, 176);
}

/** Bias, residual and the way home for a tile of outputs. `beside`: room for 8 biases and 8 residuals. */
function finish(a: LinearArgs, row: u32, rows: u32, m: u32, out: usize, beside: usize): void {
  const count = minimum(PANEL, a.M - m);
  const residuals = beside + PANEL * 4;
  if (a.bias) loadRow(beside, a.bias + m * a.biasM, a.biasM, a.biasType, count);
  for (let r: u32 = 0; r < rows; r++, out += PANEL * 4) {
    let low = v128.load(out), high = v128.load(out, 16);
    if (a.bias) {
      low = f32x4.add(low, v128.load(beside));
      high = f32x4.add(high, v128.load(beside, 16));
    }
    if (a.residual) {
      loadRow(residuals, a.residual + (row + r) * a.residualR + m * a.residualM, a.residualM, a.dtype, count);
      low = f32x4.add(low, v128.load(residuals));
      high = f32x4.add(high, v128.load(residuals, 16));
    }
    const size: u32 = a.dtype == F32 ? 4 : 2;
    const to = a.y + (row + r) * a.yR + m * size;
    if (a.dtype == F32 && count == PANEL) {
      v128.store(to, low);
      v128.store(to, high, 16);
    } else {
      v128.store(out, low);
      v128.store(out, high, 16);
      storeRow(to, size, a.dtype, out, count);
    }
  }
}

function singleRow(a: LinearArgs, panel: u32, end: u32, scratch: usize): void {
  const out = scratch;
  const beside = out + QUAD * PANEL * 4;
  let x = a.x;
  if (a.dtype != F32 || a.xK != 4) {
    x = beside + 2 * PANEL * 4;
    loadRow(x, a.x, a.xK, a.dtype, a.K);
  }
  const bytes = a.K * panelStep(a.weightType);
  // Four streams, each through a quarter of the panels without a break: what prefetchers like best.
  const quarter = (end - panel + QUAD - 1) / QUAD;
  for (let i: u32 = 0; i < quarter; i++) {
    const first = panel + i;
    // The last streams may be shorter: they read the first one again instead of needing code of their own.
    const count = minimum(QUAD, (end - 1 - first) / quarter + 1);
    const p0 = a.weight + first * bytes;
    const p1 = count > 1 ? p0 + quarter * bytes : p0;
    const p2 = count > 2 ? p1 + quarter * bytes : p0;
    const p3 = count > 3 ? p2 + quarter * bytes : p0;
    if (a.weightType == F32) quad(out, x, p0, p1, p2, p3, a.K);
    else if (a.weightType == BF16) bf16Quad(out, x, p0, p1, p2, p3, a.K);
    else f16Quad(out, x, p0, p1, p2, p3, a.K);
    for (let j: u32 = 0; j < count; j++) finish(a, 0, 1, (first + j * quarter) * PANEL, out + j * PANEL * 4, beside);
  }
}

function quad(out: usize, x: usize, p0: usize, p1: usize, p2: usize, p3: usize, K: u32): void {
  const zero = f32x4.splat(0);
  let a0 = zero, a1 = zero, b0 = zero, b1 = zero, c0 = zero, c1 = zero, d0 = zero, d1 = zero;
  for (let end = x + (<usize>K << 2); x < end; x += 4, p0 += 32, p1 += 32, p2 += 32, p3 += 32) {
    const s = v128.load32_splat(x);
    a0 = madd(s, v128.load(p0), a0);
    a1 = madd(s, v128.load(p0, 16), a1);
    b0 = madd(s, v128.load(p1), b0);
    b1 = madd(s, v128.load(p1, 16), b1);
    c0 = madd(s, v128.load(p2), c0);
    c1 = madd(s, v128.load(p2, 16), c1);
    d0 = madd(s, v128.load(p3), d0);
    d1 = madd(s, v128.load(p3, 16), d1);
  }
  storeQuad(out, a0, a1, b0, b1, c0, c1, d0, d1);
}

// Functions of their own, or Binaryen folds both loops into one that asks for the format at every step.
function bf16Quad(out: usize, x: usize, p0: usize, p1: usize, p2: usize, p3: usize, K: u32): void {
  narrowQuad(out, x, p0, p1, p2, p3, K, true);
}

function f16Quad(out: usize, x: usize, p0: usize, p1: usize, p2: usize, p3: usize, K: u32): void {
  narrowQuad(out, x, p0, p1, p2, p3, K, false);
}

// @ts-ignore: decorator
@inline
function narrowQuad(out: usize, x: usize, p0: usize, p1: usize, p2: usize, p3: usize, K: u32, bf16: bool): void {
  const zero = f32x4.splat(0);
  let a0 = zero, a1 = zero, b0 = zero, b1 = zero, c0 = zero, c1 = zero, d0 = zero, d1 = zero;
  const last = x + (<usize>K << 2);
  for (const end = last - 4; x < end; x += 8, p0 += 32, p1 += 32, p2 += 32, p3 += 32) {
    const s = v128.load32_splat(x);
    const w0 = v128.load(p0);
    a0 = madd(s, lowOutputs(w0, bf16), a0);
    a1 = madd(s, highOutputs(w0, bf16), a1);
    const w1 = v128.load(p1);
    b0 = madd(s, lowOutputs(w1, bf16), b0);
    b1 = madd(s, highOutputs(w1, bf16), b1);
    const w2 = v128.load(p2);
    c0 = madd(s, lowOutputs(w2, bf16), c0);
    c1 = madd(s, highOutputs(w2, bf16), c1);
    const w3 = v128.load(p3);
    d0 = madd(s, lowOutputs(w3, bf16), d0);
    d1 = madd(s, highOutputs(w3, bf16), d1);
    const t = v128.load32_splat(x, 4);
    const v0 = v128.load(p0, 16);
    a0 = madd(t, lowOutputs(v0, bf16), a0);
    a1 = madd(t, highOutputs(v0, bf16), a1);
    const v1 = v128.load(p1, 16);
    b0 = madd(t, lowOutputs(v1, bf16), b0);
    b1 = madd(t, highOutputs(v1, bf16), b1);
    const v2 = v128.load(p2, 16);
    c0 = madd(t, lowOutputs(v2, bf16), c0);
    c1 = madd(t, highOutputs(v2, bf16), c1);
    const v3 = v128.load(p3, 16);
    d0 = madd(t, lowOutputs(v3, bf16), d0);
    d1 = madd(t, highOutputs(v3, bf16), d1);
  }
  if (x < last) {
    const s = v128.load32_splat(x);
    const w0 = v128.load(p0);
    a0 = madd(s, lowOutputs(w0, bf16), a0);
    a1 = madd(s, highOutputs(w0, bf16), a1);
    const w1 = v128.load(p1);
    b0 = madd(s, lowOutputs(w1, bf16), b0);
    b1 = madd(s, highOutputs(w1, bf16), b1);
    const w2 = v128.load(p2);
    c0 = madd(s, lowOutputs(w2, bf16), c0);
    c1 = madd(s, highOutputs(w2, bf16), c1);
    const w3 = v128.load(p3);
    d0 = madd(s, lowOutputs(w3, bf16), d0);
    d1 = madd(s, highOutputs(w3, bf16), d1);
  }
  storeQuad(out, a0, a1, b0, b1, c0, c1, d0, d1);
}

// @ts-ignore: decorator
@inline
function storeQuad(out: usize, a0: v128, a1: v128, b0: v128, b1: v128, c0: v128, c1: v128, d0: v128, d1: v128): void {
  v128.store(out, a0);
  v128.store(out, a1, 16);
  v128.store(out, b0, 32);
  v128.store(out, b1, 48);
  v128.store(out, c0, 64);
  v128.store(out, c1, 80);
  v128.store(out, d0, 96);
  v128.store(out, d1, 112);
}
