import { LinearArgs } from './args';
import { F32, I8 } from './dtype';
import { gatherPanel, I8_FACTOR, PANEL, panelStep, scaleOf, widenPanel } from './panel';
import { loadRow, storeRow } from './rows';
import { multiplyStreams, STREAMS } from './streams';
import { multiplyTile, TILE_ROWS } from './tile';
import { minimum } from './vector';

/*
 * y = x weight^T. Every output is one chain of multiply-adds over k = 0..K-1 in f32, in the small tiles, the
 * large ones and the single row alike: a row of y does not depend on how many rows there are, nor on threads.
 *
 * Many rows: x is interleaved [k][rows of a tile] once per block of rows, then every panel of 8 outputs passes
 * by and is multiplied with a tile of rows at a time. One row: four panels at a time, 8 accumulators, as fast as
 * the weights arrive.
 *
 * Scratch, in words: x of a block of rows (rowBlock K), a panel in f32 (8 K), 256 for the rest.
 */

/** What `rowBlock` should be a multiple of. */
export const LINEAR_ROWS: u32 = 6;

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
  const out = scratch;
  const beside = out + TILE_ROWS * PANEL * 4;
  const wide = beside + 2 * PANEL * 4;
  const x = wide + ((<usize>a.K * PANEL) << 2);
  for (let r: u32 = 0; r < rows; r += TILE_ROWS) {
    interleave(x + ((<usize>r * a.K) << 2), a, row + r, minimum(TILE_ROWS, rows - r), wide);
  }
  // Widening a panel once pays from the second tile on; a weight that is not packed has to be gathered anyway.
  const inPlace = a.packed && (a.weightType == F32 || rows <= TILE_ROWS);
  const dtype = inPlace ? a.weightType : F32;
  for (; panel < end; panel++) {
    const weights = inPlace ? packedPanel(a, panel) : widePanel(wide, a, panel);
    for (let r: u32 = 0; r < rows; r += TILE_ROWS) {
      const count = minimum(TILE_ROWS, rows - r);
      multiplyTile(out, x + ((<usize>r * a.K) << 2), weights, dtype, a.K, count);
      finish(a, row + r, count, panel * PANEL, out, beside);
    }
  }
}

/** Rows of x to [k][count]; `row` is room for one converted row. */
function interleave(to: usize, a: LinearArgs, first: u32, count: u32, row: usize): void {
  const step = count << 2;
  for (let r: u32 = 0; r < count; r++, to += 4) {
    let from = a.x + (first + r) * a.xR;
    if (a.dtype != F32 || a.xK != 4) {
      loadRow(row, from, a.xK, a.dtype, a.K);
      from = row;
    }
    for (let k: u32 = 0, at = to; k < a.K; k++, from += 4, at += step) store<f32>(at, load<f32>(from));
  }
}

function packedPanel(a: LinearArgs, panel: u32): usize {
  return a.weight + <usize>panel * a.K * panelStep(a.weightType);
}

/** A panel as f32 [k][8], in `to`. */
function widePanel(to: usize, a: LinearArgs, panel: u32): usize {
  const m = panel * PANEL;
  if (a.packed) widenPanel(to, packedPanel(a, panel), a.weightType, a.K);
  else gatherPanel(to, a.weight + m * a.weightM, a.weightM, a.weightK, a.weightType, minimum(PANEL, a.M - m), a.K);
  return to;
}

/** Scales, bias, residual and the way home for a tile of outputs. `beside`: room for 8 biases and 8 residuals. */
function finish(a: LinearArgs, row: u32, rows: u32, m: u32, out: usize, beside: usize): void {
  const count = minimum(PANEL, a.M - m);
  const residuals = beside + PANEL * 4;
  if (a.bias) loadRow(beside, a.bias + m * a.biasM, a.biasM, a.biasType, count);
  const scales = scaleOf(a.weight, a.M, a.K, m);
  for (let r: u32 = 0; r < rows; r++, out += PANEL * 4) {
    let low = v128.load(out), high = v128.load(out, 16);
    if (a.packed && a.weightType == I8) {
      low = f32x4.mul(f32x4.mul(low, f32x4.splat(1 / I8_FACTOR)), v128.load(scales));
      high = f32x4.mul(f32x4.mul(high, f32x4.splat(1 / I8_FACTOR)), v128.load(scales, 16));
    }
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
  const beside = out + STREAMS * PANEL * 4;
  let x = a.x;
  if (a.dtype != F32 || a.xK != 4) {
    x = beside + 2 * PANEL * 4;
    loadRow(x, a.x, a.xK, a.dtype, a.K);
  }
  const bytes = a.K * panelStep(a.weightType);
  // Four streams, each through a quarter of the panels without a break: what prefetchers like best.
  const quarter = (end - panel + STREAMS - 1) / STREAMS;
  for (let i: u32 = 0; i < quarter; i++) {
    const first = panel + i;
    // The last streams may be shorter: they read the first one again instead of needing code of their own.
    const count = minimum(STREAMS, (end - 1 - first) / quarter + 1);
    const p0 = a.weight + first * bytes;
    const p1 = count > 1 ? p0 + quarter * bytes : p0;
    const p2 = count > 2 ? p1 + quarter * bytes : p0;
    const p3 = count > 3 ? p2 + quarter * bytes : p0;
    multiplyStreams(out, x, p0, p1, p2, p3, a.weightType, a.K);
    for (let j: u32 = 0; j < count; j++) finish(a, 0, 1, (first + j * quarter) * PANEL, out + j * PANEL * 4, beside);
  }
}
