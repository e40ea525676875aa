import { dtypes } from '@ss/core';
import { dispatch } from '../shader/kernel.ts';
import type { Dispatch, Kernel, Spec } from '../shader/kernel.ts';
import type { Operand } from '../shader/operand.ts';

/**
 * y[i, j] = scale[j] sum_k a[i, k] b[j, k] + bias[j] + residual[i, j], under any strides: x weight^T, and with other axes
 * the gradients of both.
 */
export interface Product {
  readonly rows: number;
  readonly columns: number;
  readonly inner: number;
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

export function product(given: Product): Dispatch {
  return given.rows <= fewRows ? narrow(given) : tiled(given);
}

const params = ['rows', 'columns', 'inner'] as const;

function epilogue(has: (name: string) => boolean): string {
  return `
fn finish(i: u32, j: u32, sum: f32) {
  var value = sum${has('scale') ? ' * scale(j)' : ''};
  ${has('bias') ? 'value += bias(j);' : ''}
  ${has('residual') ? 'value += residual(i, j);' : ''}
  y_store(y_at(i, j), value);
}`;
}

/** Invocations that share the sum of one column, and columns of a workgroup. */
const split = 16;
const together = 4;

interface NarrowSpec extends Spec {
  readonly rows: number;
  /** Values of b in a word, when its rows are whole words; else 1. */
  readonly perWord: number;
}

const narrowKernel: Kernel<NarrowSpec> = {
  name: 'product of few rows',
  lanes: split * together,
  params,
  stores: { y: 'elements' },
  code: ({ spec: { rows, perWord }, has, dtype }) => {
    const each = (make: (row: number) => string): string =>
      Array.from({ length: rows }, (_, i) => make(i)).join('\n');
    const values = Array.from({ length: perWord }, (_, v) => unpacked(dtype('b'), v));
    return `
var<workgroup> sums: array<f32, ${split * together * rows}>;
${epilogue(has)}
fn run(group: u32, lane: u32) {
  let part = lane % ${split}u;
  let j = group * ${together}u + lane / ${split}u;
  ${each((i) => `var s${i} = 0.0;`)}
  if (j < P.columns) {
    let row = b_at(j, 0u);
    var k = part${perWord > 1 ? ` * ${perWord}u` : ''};
    ${
      perWord > 1
        ? `
    for (; k + ${perWord - 1}u < P.inner; k += ${split * perWord}u) {
      let word = r_b((row + k) / ${perWord}u);
      ${values.map((value, v) => `let b${v} = ${value};`).join(' ')}
      ${each((i) => values.map((_, v) => `s${i} += a(${i}u, k + ${v}u) * b${v};`).join(' '))}
    }
    // At most one invocation comes to the last values, which fill no word.
    for (; k < P.inner; k++) {`
        : `
    for (; k < P.inner; k += ${split}u) {`
    }
      let bk = f32(b(j, k));
      ${each((i) => `s${i} += a(${i}u, k) * bk;`)}
    }
  }
  ${each((i) => `sums[${i}u * LANES + lane] = s${i};`)}
  workgroupBarrier();
  let column = group * ${together}u + lane % ${together}u;
  let i = lane / ${together}u;
  if (i < ${rows}u && column < P.columns) {
    var sum = 0.0;
    for (var p = 0u; p < ${split}u; p++) { sum += sums[i * LANES + (lane % ${together}u) * ${split}u + p]; }
    finish(i, column, sum);
  }
}`;
  },
};

function narrow({ rows, columns, inner, a, b, y, scale, bias, residual }: Product): Dispatch {
  return dispatch(narrowKernel, {
    spec: { rows, perWord: wholeWords(b) },
    operands: { a, b, y, scale, bias, residual },
    params: { rows, columns, inner },
    groups: Math.ceil(columns / together),
  });
}

/** Values in a word of b, if every row of it starts at one and goes on value by value. */
function wholeWords({ dtype, offset, strides }: Operand): number {
  const per = 4 / dtypes[dtype].bytes;
  return strides[1] === 1 && offset % per === 0 && strides[0]! % per === 0 ? per : 1;
}

/** Value v of a word. */
function unpacked(dtype: string, v: number): string {
  if (dtype === 'i8') return `f32(extractBits(bitcast<i32>(word), ${8 * v}u, 8u))`;
  if (dtype === 'f16') return `f16_value(word${v === 0 ? '' : ' >> 16u'})`;
  if (dtype === 'bf16') return v === 0 ? 'bitcast<f32>(word << 16u)' : 'bitcast<f32>(word & 0xffff0000u)';
  return 'bitcast<f32>(word)';
}

/** A workgroup makes a square of y, an invocation 4 x 4 of it; k goes by in tiles. */
const side = 64;
const depth = 16;
const own = 4;

interface TiledSpec extends Spec {
  /** Whether neighbours in memory are neighbours along k. */
  readonly aByInner: boolean;
  readonly bByInner: boolean;
}

const tiledKernel: Kernel<TiledSpec> = {
  name: 'product',
  lanes: (side / own) ** 2,
  params: [...params, 'across'],
  stores: { y: 'elements' },
  code: ({ spec, has }) => {
    const lanes = (side / own) ** 2;
    const fill = (name: 'a' | 'b', byInner: boolean, extent: string, origin: string): string => `
    for (var l = lane; l < ${side * depth}u; l += ${lanes}u) {
      let r = ${byInner ? `l / ${depth}u` : `l % ${side}u`};
      let k = ${byInner ? `l % ${depth}u` : `l / ${side}u`};
      var value = 0.0;
      if (${origin} + r < P.${extent} && k0 + k < P.inner) { value = f32(${name}(${origin} + r, k0 + k)); }
      ${name}_tile[k * ${side}u + r] = value;
    }`;
    const sums = Array.from({ length: own }, (_, i) => i);
    return `
var<workgroup> a_tile: array<f32, ${side * depth}>;
var<workgroup> b_tile: array<f32, ${side * depth}>;
${epilogue(has)}
fn run(group: u32, lane: u32) {
  let i0 = (group / P.across) * ${side}u;
  let j0 = (group % P.across) * ${side}u;
  let ti = (lane / ${side / own}u) * ${own}u;
  let tj = (lane % ${side / own}u) * ${own}u;
  ${sums.map((i) => `var s${i} = vec4<f32>();`).join(' ')}
  for (var k0 = 0u; k0 < P.inner; k0 += ${depth}u) {
    ${fill('a', spec.aByInner, 'rows', 'i0')}
    ${fill('b', spec.bByInner, 'columns', 'j0')}
    workgroupBarrier();
    for (var k = 0u; k < ${depth}u; k++) {
      let at = k * ${side}u;
      let bk = vec4<f32>(b_tile[at + tj], b_tile[at + tj + 1u], b_tile[at + tj + 2u], b_tile[at + tj + 3u]);
      ${sums.map((i) => `s${i} += a_tile[at + ti + ${i}u] * bk;`).join('\n      ')}
    }
    workgroupBarrier();
  }
  // Once in the text, as it is long.
  let all = array<vec4<f32>, ${own}>(${sums.map((i) => `s${i}`).join(', ')});
  for (var e = 0u; e < ${own * 4}u; e++) {
    let i = i0 + ti + e / 4u;
    let j = j0 + tj + e % 4u;
    if (i < P.rows && j < P.columns) { finish(i, j, all[e / 4u][e % 4u]); }
  }
}`;
  },
};

function tiled({ rows, columns, inner, a, b, y, scale, bias, residual }: Product): Dispatch {
  const across = Math.ceil(columns / side);
  const byInner = ({ strides }: Operand): boolean => Math.abs(strides[1]!) <= Math.abs(strides[0]!);
  return dispatch(tiledKernel, {
    spec: { aByInner: byInner(a), bByInner: byInner(b) },
    operands: { a, b, y, scale, bias, residual },
    params: { rows, columns, inner, across },
    groups: Math.ceil(rows / side) * across,
  });
}
