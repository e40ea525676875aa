import { dtypes } from '@ss/core';
import { dispatch } from '../shader/kernel.ts';
import type { Dispatch, Kernel, Spec } from '../shader/kernel.ts';
import { scratchOperand } from '../shader/operand.ts';
import type { Operand } from '../shader/operand.ts';
import { writtenOut } from '../shader/written-out.ts';
import type { Bound, Means } from './kernel-op.ts';

/** Extents of y = a b^T. */
export interface ProductSize {
  readonly rows: number;
  readonly columns: number;
  readonly inner: number;
}

/**
 * y[i, j] = scale[j] sum_k a[i, k] b[j, k] + bias[j] + residual[i, j], under any strides: x weight^T, and with other axes
 * the gradients of both.
 */
export interface Product extends ProductSize {
  /** (rows, inner) */
  readonly a: Operand;
  /** (columns, inner) */
  readonly b: Operand;
  /** (rows, columns) */
  readonly y: Operand;
  /** (columns) */
  readonly scale?: Operand | undefined;
  readonly bias?: Operand | undefined;
  /** (rows, columns) */
  readonly residual?: Operand | undefined;
}

/** Up to so many rows every column is summed by itself: reading b is then all the work. */
const fewRows = 8;

export function product(given: Product, means: Means, scratch: Bound['scratch']): readonly Dispatch[] {
  if (given.rows <= fewRows) return [narrow(given, means)];
  const parts = partsOf(given, means);
  if (parts === 1) return [tiled(given, given, 1)];
  const { rows, columns, scale, bias, residual, y } = given;
  const sums = scratchOperand(scratch!, 0, [parts, rows, columns]);
  return [
    tiled(given, { y: sums }, parts),
    dispatch(partsKernel, {
      spec: {},
      operands: { sums, y, scale, bias, residual },
      params: { rows, columns, parts },
      groups: Math.ceil((rows * columns) / partsKernel.lanes),
    }),
  ];
}

/** What {@link product} needs of scratch memory. */
export function productScratch(size: ProductSize, means: Means): number {
  if (size.rows <= fewRows) return 0;
  const parts = partsOf(size, means);
  return parts === 1 ? 0 : 4 * parts * size.rows * size.columns;
}

function epilogue(has: (name: string) => boolean): string {
  return `
fn finish(i: u32, j: u32, sum: f32) {
  var value = sum${has('scale') ? ' * scale(j)' : ''};
  ${has('bias') ? 'value += bias(j);' : ''}
  ${has('residual') ? 'value += residual(i, j);' : ''}
  y_store(y_at(i, j), value);
}`;
}

const narrowLanes = 64;
/** Invocations that share the sum of one column, at least. */
const leastSplit = 16;
/** What an invocation asks for before it needs the first of it, at most: single words, or four together. */
const mostAhead = { 1: 8, 4: 4 } as const;

interface NarrowSpec extends Spec {
  readonly rows: number;
  /** Invocations that share the sum of one column. */
  readonly split: number;
  /** Words of b that are read together, 4 where every row of it starts at a multiple of 4. */
  readonly words: 1 | 4;
  /** Values in a word, when rows of b are whole words; else 1. */
  readonly perWord: number;
  /** Reads of b that are asked for together. */
  readonly ahead: number;
  /** Whether f32 values of a are read four at a time. */
  readonly aByQuads: boolean;
}

const narrowKernel: Kernel<NarrowSpec> = {
  name: 'product of few rows',
  lanes: narrowLanes,
  params: ['rows', 'columns', 'inner'],
  stores: { y: 'elements' },
  quads: ({ words, aByQuads }) => [...(words === 4 ? ['b'] : []), ...(aByQuads ? ['a'] : [])],
  code: ({ spec: { rows, split, words, perWord, ahead, aByQuads }, has, dtype }) => {
    const together = narrowLanes / split;
    const values = words * perWord;
    const step = split * values;
    const read = (k: string): string => {
      if (words === 4) return `q_b((row + ${k}) / ${perWord}u)`;
      return perWord > 1 ? `r_b((row + ${k}) / ${perWord}u)` : `bitcast<u32>(f32(b(j, ${k})))`;
    };
    const value = (n: number, v: number): string => {
      const word = words === 4 ? `w${n}[${Math.floor(v / perWord)}]` : `w${n}`;
      return perWord > 1 || words === 4 ? unpacked(dtype('b'), word, v % perWord) : `bitcast<f32>(${word})`;
    };
    const four = (n: number, q: number): string => `{
      ${writtenOut(rows, (i) => `let a${i} = bitcast<vec4<f32>>(q_a(a_at(${i}u, k + ${n * step + 4 * q}u)));`)}
      let b4 = vec4<f32>(${Array.from({ length: 4 }, (_, c) => value(n, 4 * q + c)).join(', ')});
      ${writtenOut(rows, (i) => `s${i} += dot(a${i}, b4);`)}
    }`;
    const one = (n: number, v: number): string =>
      `{ let b1 = ${value(n, v)}; ${writtenOut(rows, (i) => `s${i} += a(${i}u, k + ${n * step + v}u) * b1;`)} }`;
    return `
var<workgroup> sums: array<f32, ${narrowLanes * rows}>;
${epilogue(has)}
fn run(group: u32, lane: u32) {
  let part = lane % ${split}u;
  let j = min(group * ${together}u + lane / ${split}u, P.columns - 1u);
  let row = b_at(j, 0u);
  ${writtenOut(rows, (i) => `var s${i} = 0.0;`)}
  var k = part * ${values}u;
  for (; k + ${(ahead - 1) * step + values - 1}u < P.inner; k += ${ahead * step}u) {
    ${writtenOut(ahead, (n) => `let w${n} = ${read(`k + ${n * step}u`)};`)}
    ${writtenOut(ahead, (n) => (aByQuads ? writtenOut(values / 4, (q) => four(n, q)) : writtenOut(values, (v) => one(n, v))))}
  }
  for (; k < P.inner; k += ${step}u) {
    for (var v = k; v < min(k + ${values}u, P.inner); v++) {
      let b1 = f32(b(j, v));
      ${writtenOut(rows, (i) => `s${i} += a(${i}u, v) * b1;`)}
    }
  }
  ${writtenOut(rows, (i) => `sums[${i * narrowLanes}u + lane] = s${i};`)}
  workgroupBarrier();
  let column = group * ${together}u + lane % ${together}u;
  let i = lane / ${together}u;
  if (i >= ${rows}u || column >= P.columns) { return; }
  let first = i * LANES + lane % ${together}u * ${split}u;
  var sum = 0.0;
  for (var p = 0u; p < ${split}u; p++) { sum += sums[first + p]; }
  finish(i, column, sum);
}`;
  },
};

function narrow(
  { rows, columns, inner, a, b, y, scale, bias, residual }: Product,
  { workgroupsAtOnce }: Means,
): Dispatch {
  const perWord = startsAtMultiplesOf(1, b) ? 4 / dtypes[b.dtype].bytes : 1;
  const words = startsAtMultiplesOf(4, b) && b.memory.page !== y.memory.page ? 4 : 1;
  const values = words * perWord;
  const quadsOfA = a.dtype === 'f32' && startsAtMultiplesOf(4, a) && a.memory.page !== y.memory.page;
  let split = leastSplit;
  // Two rounds of workgroups, as reading is mostly waiting.
  const tooFew = (): boolean => columns * split < 2 * workgroupsAtOnce * narrowLanes;
  while (split < narrowLanes && tooFew() && inner >= 4 * split * values) split *= 2;
  const reads = Math.max(1, Math.floor(inner / (split * values)));
  const ahead = Math.ceil(reads / Math.ceil(reads / mostAhead[words]));
  return dispatch(narrowKernel, {
    spec: { rows, split, words, perWord, ahead, aByQuads: quadsOfA && values % 4 === 0 },
    operands: { a, b, y, scale, bias, residual },
    params: { rows, columns, inner },
    groups: Math.ceil((columns * split) / narrowLanes),
  });
}

/** Whether every row starts at a multiple of so many words and goes on value by value. */
function startsAtMultiplesOf(words: number, { dtype, offset, strides }: Operand): boolean {
  const values = (4 * words) / dtypes[dtype].bytes;
  return strides[1] === 1 && offset % values === 0 && strides[0]! % values === 0;
}

/** Value v of a word. */
function unpacked(dtype: string, word: string, v: number): string {
  if (dtype === 'i8') return `f32(extractBits(bitcast<i32>(${word}), ${8 * v}u, 8u))`;
  if (dtype === 'f16') return `f16_value(${word}${v === 0 ? '' : ' >> 16u'})`;
  if (dtype === 'bf16') {
    return v === 0 ? `bitcast<f32>(${word} << 16u)` : `bitcast<f32>(${word} & 0xffff0000u)`;
  }
  return `bitcast<f32>(${word})`;
}

const tiledLanes = 256;
/** Invocations along each side of a workgroup's square of y. */
const across = 16;

/**
 * A workgroup makes a square of y, an invocation `quads` x `quads` squares of 4 x 4 in it. Columns of k go by in tiles, which
 * are as deep as an invocation loads four values of a and of b each.
 */
interface TiledSpec extends Spec {
  readonly quads: 1 | 2;
  /** Whether neighbours in memory are neighbours along k. */
  readonly aByInner: boolean;
  readonly bByInner: boolean;
  /** Whether y takes sums over a part of k each, to be added up. */
  readonly inParts: boolean;
}

function sideOf(quads: number): number {
  return 4 * across * quads;
}

const tiledKernel: Kernel<TiledSpec> = {
  name: 'product',
  lanes: tiledLanes,
  params: ['rows', 'columns', 'inner', 'downwards', 'sideways', 'depth'],
  stores: { y: 'elements' },
  code: ({ spec: { quads, aByInner, bByInner, inParts }, has }) => {
    const height = across * quads;
    const depth = tiledLanes / height;
    // One more, so that the values of one invocation and the next lie in different banks.
    const pitch = height + 1;
    const range = (count: number): readonly number[] => Array.from({ length: count }, (_, i) => i);
    const place = (name: string, byInner: boolean): string => `
  let ${name}_k = ${byInner ? `lane % ${depth}u` : `lane / ${height}u`};
  let ${name}_quad = ${byInner ? `lane / ${depth}u` : `lane % ${height}u`};`;
    const loads = (name: string, origin: string): string => `
fn four_${name}(first: u32, k: u32, end: u32) -> vec4<f32> {
  let at = min(k, P.inner - 1u);
  let most = P.${origin} - 1u;
  let four = vec4<f32>(${range(4)
    .map((c) => `f32(${name}(min(first + ${c}u, most), at))`)
    .join(', ')});
  return select(vec4<f32>(), four, k < end);
}`;
    const own = range(quads);
    const sums = own.flatMap((p) => own.flatMap((q) => range(4).map((r) => ({ p, q, r }))));
    // Written out, since compilers leave the loop as it is.
    const step = (k: number): string => `{
      ${own.map((p) => `let a${p} = a_tile[${k * pitch + p * across}u + down]; let b${p} = b_tile[${k * pitch + p * across}u + side];`).join(' ')}
      ${sums.map(({ p, q, r }) => `s${p}${q}${r} += a${p}[${r}] * b${q};`).join(' ')}
    }`;
    return `
var<workgroup> a_tile: array<vec4<f32>, ${depth * pitch}>;
var<workgroup> b_tile: array<vec4<f32>, ${depth * pitch}>;
${loads('a', 'rows')}
${loads('b', 'columns')}
${inParts ? '' : epilogue(has)}
fn store(part: u32, i: u32, j: u32, four: vec4<f32>) {
  if (i >= P.rows) { return; }
  for (var c = 0u; c < 4u; c++) {
    if (j + c < P.columns) { ${inParts ? 'y_store(y_at(part, i, j + c), four[c]);' : 'finish(i, j + c, four[c]);'} }
  }
}
fn run(group: u32, lane: u32) {
  let part = group / (P.downwards * P.sideways);
  let i0 = (group / P.sideways) % P.downwards * ${sideOf(quads)}u;
  let j0 = group % P.sideways * ${sideOf(quads)}u;
  let begin = part * P.depth;
  let end = min(begin + P.depth, P.inner);
  let down = lane / ${across}u;
  let side = lane % ${across}u;
  ${place('a', aByInner)}
  ${place('b', bByInner)}
  ${sums.map(({ p, q, r }) => `var s${p}${q}${r} = vec4<f32>();`).join(' ')}
  // What comes next is asked for before the sums, so that it is there after them.
  var a_next = four_a(i0 + 4u * a_quad, begin + a_k, end);
  var b_next = four_b(j0 + 4u * b_quad, begin + b_k, end);
  for (var k0 = begin; k0 < end; k0 += ${depth}u) {
    a_tile[a_k * ${pitch}u + a_quad] = a_next;
    b_tile[b_k * ${pitch}u + b_quad] = b_next;
    workgroupBarrier();
    a_next = four_a(i0 + 4u * a_quad, k0 + ${depth}u + a_k, end);
    b_next = four_b(j0 + 4u * b_quad, k0 + ${depth}u + b_k, end);
    ${range(depth).map(step).join('\n    ')}
    workgroupBarrier();
  }
  ${sums.map(({ p, q, r }) => `store(part, i0 + ${4 * p * across + r}u + 4u * down, j0 + ${4 * q * across}u + 4u * side, s${p}${q}${r});`).join('\n  ')}
}`;
  },
};

/** Workgroups of a product in squares of this side. */
function squares({ rows, columns }: ProductSize, side: number): number {
  return Math.ceil(rows / side) * Math.ceil(columns / side);
}

/** The larger square takes half the loads for each product; it pays when there are squares enough. */
function quadsOf(size: ProductSize): 1 | 2 {
  return squares(size, sideOf(2)) >= enoughSquares ? 2 : 1;
}
const enoughSquares = 128;

/** The least of k that is worth a part. */
const leastDepth = 128;

/** How many workgroups share the sums over k of one square, so that there are enough of them to fill the device. */
function partsOf(size: ProductSize, { workgroupsAtOnce }: Means): number {
  const missing = Math.floor(workgroupsAtOnce / 2 / squares(size, sideOf(quadsOf(size))));
  return Math.max(1, Math.min(missing, Math.floor(size.inner / leastDepth)));
}

function tiled(
  given: Product,
  { y, scale, bias, residual }: Pick<Product, 'y' | 'scale' | 'bias' | 'residual'>,
  parts: number,
): Dispatch {
  const { rows, columns, inner, a, b } = given;
  const quads = quadsOf(given);
  const side = sideOf(quads);
  const byInner = ({ strides }: Operand): boolean => Math.abs(strides[1]!) <= Math.abs(strides[0]!);
  const [downwards, sideways] = [Math.ceil(rows / side), Math.ceil(columns / side)];
  return dispatch(tiledKernel, {
    spec: { quads, aByInner: byInner(a), bByInner: byInner(b), inParts: parts > 1 },
    operands: { a, b, y, scale, bias, residual },
    params: { rows, columns, inner, downwards, sideways, depth: Math.max(1, Math.ceil(inner / parts)) },
    groups: downwards * sideways * parts,
  });
}

/** The parts of every sum, in their order. */
const partsKernel: Kernel = {
  name: 'product of parts',
  lanes: 64,
  params: ['rows', 'columns', 'parts'],
  stores: { y: 'elements' },
  code: ({ has }) => `
${epilogue(has)}
fn run(group: u32, lane: u32) {
  let e = group * LANES + lane;
  let size = P.rows * P.columns;
  if (e >= size) { return; }
  var sum = 0.0;
  for (var p = 0u; p < P.parts; p++) { sum += bitcast<f32>(sums_word(p * size + e)); }
  finish(e / P.columns, e % P.columns, sum);
}`,
};
