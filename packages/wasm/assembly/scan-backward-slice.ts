import { ScanBackwardArgs } from './args';
import { clearRow } from './rows';
import { LANES, PAIR_BYTES, PROJECTED, ROW, SCAN_BACKWARD_TILE, SUM_BYTES, TILE_BYTES } from './scan-backward-states';
import { firstStep, lengthOf, rowOf } from './sequences';
import { minimum, roundUp } from './vector';

/** Channels of a block: two vectors. */
export const SCAN_BACKWARD_BLOCK: u32 = 8;

/** One slice of the channels of one head of one sequence: where its data lies, and what it keeps in scratch. */
@unmanaged
export class Slice {
  first: u32;
  /** 1 or -1 */
  direction: i32;
  batch: u32;
  length: u32;
  /** The first channel, and how many. */
  p: u32;
  count: u32;
  blocks: u32;
  N: u32;
  /** N, rounded up to pairs: the one more has zeros everywhere. */
  states: u32;
  /** Of no meaning: see {@link touchRows}. */
  touched: u32;
  /** Whether something that comes in is infinite or NaN; see `scan-backward-strange.ts`. */
  strange: u32;
  /** All ones where there is a D: what is absent is no factor. */
  skips: u32;
  /** Rows of time step 0, from the slice's first channel on. */
  u: usize;
  delta: usize;
  z: usize;
  dy: usize;
  du: usize;
  ddelta: usize;
  dz: usize;
  Bs: usize;
  Cs: usize;
  /** [block][n][8], as the next six; `g` is the cotangent of the state. */
  A: usize;
  g: usize;
  dA: usize;
  constantB: usize;
  constantC: usize;
  dB: usize;
  dC: usize;
  /** [channel], as the next eight; `reach` is the largest dt of a tile, see {@link advancePair}. */
  skip: usize;
  bias: usize;
  dskip: usize;
  dbias: usize;
  reach: usize;
  rowU: usize;
  rowDelta: usize;
  rowDy: usize;
  rowZ: usize;
  /** [n] */
  rowB: usize;
  rowC: usize;
  /** [n / 2][t] */
  projected: usize;
  lanes: usize;
  pair: usize;
  sums: usize;
  /** [block] of the arrays in {@link TILE_BYTES} */
  tiles: usize;
  /** h before every tile: [tile][block][n][8] */
  starts: usize;

  /** Bytes of [block][n][8]. */
  // @ts-ignore: decorator
  @inline
  get all(): usize {
    return <usize>this.blocks * this.states * ROW;
  }

  /** The time step in memory of step `i` of the walk. */
  // @ts-ignore: decorator
  @inline
  timeOf(i: u32): i32 {
    return this.first + <i32>i * this.direction;
  }
}

/** Lays out scratch for a slice. All sums start at zero, as does everything beyond the last channel and state. */
export function openSlice(a: ScanBackwardArgs, sequence: u32, h: u32, part: u32, scratch: usize): Slice {
  const s = changetype<Slice>(scratch);
  const length = lengthOf(sequence, a.L, a.cuSeqlens);
  const b = rowOf(sequence, a.cuSeqlens);
  s.length = length;
  s.batch = b;
  s.direction = a.reverse ? -1 : 1;
  s.first = firstStep(sequence, a.cuSeqlens) + (a.reverse ? length - 1 : 0);
  s.p = part * a.slice;
  s.count = minimum(a.slice, a.P - s.p);
  s.blocks = roundUp(s.count, SCAN_BACKWARD_BLOCK) / SCAN_BACKWARD_BLOCK;
  s.N = a.N;
  s.states = roundUp(a.N, 2);
  s.strange = 0;
  s.skips = a.D ? -1 : 0;
  s.u = a.u + b * a.uB + h * a.uH + s.p * a.uP;
  s.delta = a.delta + b * a.deltaB + h * a.deltaH + s.p * a.deltaP;
  s.z = a.z + b * a.zB + h * a.zH + s.p * a.zP;
  s.dy = a.dy + b * a.dyB + h * a.dyH + s.p * a.dyP;
  s.du = a.du + b * a.duB + h * a.duH + s.p * a.duP;
  s.ddelta = a.ddelta + b * a.ddeltaB + h * a.ddeltaH + s.p * a.ddeltaP;
  s.dz = a.dz + b * a.dzB + h * a.dzH + s.p * a.dzP;
  s.Bs = a.Bs + b * a.BB + (h / a.headsPerGroup) * a.BG;
  s.Cs = a.Cs + b * a.CB + (h / a.headsPerGroup) * a.CG;
  const all = s.all, channels = <usize>s.blocks * ROW, pairs: usize = s.states >> 1;
  s.A = (scratch + offsetof<Slice>() + 63) & ~63;
  s.g = s.A + all;
  s.dA = s.g + all;
  s.constantB = s.dA + all;
  s.constantC = s.constantB + all;
  s.dB = s.constantC + all;
  s.dC = s.dB + all;
  s.skip = s.dC + all;
  s.bias = s.skip + channels;
  s.dskip = s.bias + channels;
  s.dbias = s.dskip + channels;
  s.reach = s.dbias + channels;
  s.rowU = s.reach + channels;
  s.rowDelta = s.rowU + channels;
  s.rowDy = s.rowDelta + channels;
  s.rowZ = s.rowDy + channels;
  s.rowB = s.rowZ + channels;
  s.rowC = s.rowB + pairs * 8;
  const cleared = s.rowC + pairs * 8;
  s.projected = (cleared + 63) & ~63;
  s.lanes = s.projected + pairs * SCAN_BACKWARD_TILE * PROJECTED;
  s.pair = s.lanes + pairs * SCAN_BACKWARD_TILE * LANES;
  s.sums = s.pair + PAIR_BYTES;
  s.tiles = s.sums + SUM_BYTES;
  s.starts = s.tiles + s.blocks * TILE_BYTES;
  clearRow(s.A, <u32>((cleared - s.A) >> 2));
  clearRow(s.starts, <u32>(all >> 2));
  return s;
}
