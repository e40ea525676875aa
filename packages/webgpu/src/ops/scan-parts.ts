import type { AllowedDTypes, OpCall } from '@ss/core';
import { maybe, operand } from '../shader/operand.ts';
import type { Arg, Operand } from '../shader/operand.ts';
import type { KernelContext, Spec } from '../shader/kernel.ts';
import { writtenOut } from '../shader/written-out.ts';
import type { Bound } from './kernel-op.ts';
import { narrowFloats } from './refusal.ts';
import {
  sequenceCode,
  sequenceCount,
  sequenceOperands,
  sequenceParams,
  sequenceValues,
} from './sequences.ts';

/** Channels of a workgroup, one an invocation. */
export const scanLanes = 64;
/** States that an invocation can hold: its private memory has 8 KiB. */
export const mostStates = 512;

export const scanDTypes: AllowedDTypes = {
  '*': narrowFloats,
  A: ['f32'],
  initialState: ['f32'],
  state: ['f32'],
  finalState: ['f32'],
  dfinalState: ['f32'],
  dinitialState: ['f32'],
  dA: ['f32'],
  cuSeqlens: ['i32'],
  stateIndices: ['i32'],
};

/** What decides the text of the scan's kernels. */
export interface ScanSpec extends Spec {
  readonly N: number;
  readonly softplus: boolean;
  readonly reverse: boolean;
  /** Whether B and C change from step to step. */
  readonly BVaries: boolean;
  readonly CVaries: boolean;
}

/** Sequences are cut into chunks of `chunk` steps; a whole sequence is one chunk of so many. */
export const wholeSequence = 0x7fffffff;

export const scanParams: readonly string[] = [
  ...sequenceParams,
  'D',
  'perGroup',
  'blocks',
  'G',
  'chunk',
  'perRow',
];

/** How a call is divided: chunks of all sequences in a row, and blocks of channels that belong to one group. */
export interface ScanDivision {
  readonly chunk: number;
  /** Chunks of one row, when no sequences are packed into it. */
  readonly perRow: number;
  /** Chunks of everything; of packed sequences, whose lengths only the device knows, the most there can be. */
  readonly chunks: number;
  readonly blocks: number;
}

export function divide(call: Pick<OpCall, 'inputs' | 'sizes'>, chunk: number): ScanDivision {
  const { L, D, G } = call.sizes as { L: number; D: number; G: number };
  const S = sequenceCount(call);
  const perRow = Math.ceil(L / chunk);
  const packed = call.inputs['cuSeqlens'] !== undefined;
  return {
    chunk,
    perRow,
    chunks: packed ? Math.floor(L / chunk) + S : S * perRow,
    blocks: Math.ceil(D / G / scanLanes),
  };
}

export function scanSpec({ inputs, options, sizes }: Pick<OpCall, 'inputs' | 'options' | 'sizes'>): ScanSpec {
  return {
    N: sizes['N']!,
    softplus: options['softplus'] === true,
    reverse: options['reverse'] === true,
    BVaries: inputs['B']!.shape.length > 2,
    CVaries: inputs['C']!.shape.length > 2,
  };
}

export function scanValues(call: Bound, { chunk, perRow, blocks }: ScanDivision): Record<string, number> {
  const { D, G } = call.sizes as { D: number; G: number };
  return { ...sequenceValues(call), D, perGroup: D / G, blocks, G, chunk, perRow };
}

/** Operands by the names that {@link scanCode} reads. */
export function scanOperands(call: Bound): Readonly<Record<string, Operand | undefined>> {
  const { inputs } = call;
  return {
    u: maybe(inputs['u']),
    delta: maybe(inputs['delta']),
    A: maybe(inputs['A']),
    B: projection(inputs['B']!),
    C: projection(inputs['C']!),
    D: maybe(inputs['D']),
    z: maybe(inputs['z']),
    bias: maybe(inputs['deltaBias']),
    ...sequenceOperands(call),
  };
}

/** Varying B and C are (B, L, G, N), whatever axes they have; constant ones (D, N). */
export function projection(arg: Arg): Operand {
  return arg.shape.length === 3 ? operand(arg, [0, 1, undefined, 2]) : operand(arg);
}

/** States of 4 together, the last ones padded. */
export function quads(N: number): number {
  return Math.ceil(N / 4);
}

/** So many of them are written out: compilers keep loops, and in memory what a loop walks through. */
const mostWritten = 8;

/** Statements for each four states of a channel, by their number. */
export function eachQuad(N: number, text: (v: string) => string): string {
  if (quads(N) > mostWritten) return `for (var v = 0u; v < NV; v++) { ${text('v')} }`;
  return writtenOut(quads(N), (v) => `{ ${text(`${v}u`)} }`);
}

/** Statements for each state of the quad `v`, by its number and its place in the vector; none for padding. */
export function eachOfQuad(N: number, v: string, text: (n: string, place: string) => string): string {
  return writtenOut(4, (i) => {
    const n = `(4u * ${v} + ${i}u)`;
    return N % 4 === 0 ? text(n, `[${i}]`) : `if (${n} < ${N}u) { ${text(n, `[${i}]`)} }`;
  });
}

/** Statements for each state, by its number and its place in an array of quads. */
export function eachState(N: number, text: (n: string, place: string) => string): string {
  return eachQuad(N, (v) => eachOfQuad(N, v, (n, place) => text(n, `[${v}]${place}`)));
}

/** Which of B and C change from step to step. */
export function varying(
  { BVaries, CVaries }: ScanSpec,
  names: readonly ('B' | 'C')[] = ['B', 'C'],
): readonly ('B' | 'C')[] {
  return names.filter((name) => (name === 'B' ? BVaries : CVaries));
}

/** Four states `v` as a vector, given the text of one by its number; padding is 0. */
export function four(N: number, value: (n: string) => string): string {
  const values = [0, 1, 2, 3].map((i) => {
    const n = `4u * v + ${i}u`;
    return N % 4 === 0 ? value(n) : `select(0.0, ${value(`min(${n}, ${N - 1}u)`)}, ${n} < ${N}u)`;
  });
  return `vec4<f32>(${values.join(', ')})`;
}

/**
 * Where a workgroup works (`chunk_of`), and its numbers four states at a time: `A4`, `B4`, `C4`; `decay4` of a time step
 * times `rate4` is exp(dt A). `step_size` is the time step, `time_within` the time of a step, or some other if there is no
 * such step; `kept_at` finds what is kept of a chunk.
 */
export function scanCode({ has, spec }: KernelContext<ScanSpec>): string {
  const { N, BVaries, CVaries, softplus, reverse } = spec;
  const matrix = (name: 'B' | 'C', varies: boolean): string =>
    `fn ${name}4(q: Sequence, t: u32, g: u32, d: u32, v: u32) -> vec4<f32> {
  return ${four(N, (n) => (varies ? `${name}(q.row, t, g, ${n})` : `${name}(d, ${n})`))};
}`;
  return `${sequenceCode(has, reverse)}
const NV = ${quads(N)}u;
// Steps start to start + count of sequence s.
struct Chunk { s: u32, start: u32, count: u32, q: Sequence }
fn first_chunk(s: u32) -> u32 { return ${has('cu') ? 'offset_of(s) / P.chunk + s' : 's * P.perRow'}; }
fn chunk_of(i: u32) -> Chunk {
  ${
    has('cu')
      ? `
  var s = 0u;
  var end = P.S;
  while (end - s > 1u) {
    let middle = (s + end) / 2u;
    if (first_chunk(middle) <= i) { s = middle; } else { end = middle; }
  }`
      : 'let s = i / P.perRow;'
  }
  let q = sequence(s);
  let start = (i - first_chunk(s)) * P.chunk;
  return Chunk(s, start, min(P.chunk, q.size - min(start, q.size)), q);
}
// Where a state of a chunk or a sequence lies among what is kept of all of them: (chunks or sequences, N, D).
fn kept_at(i: u32, n: u32, d: u32) -> u32 { return (i * ${N}u + n) * P.D + d; }
fn chunks_of(q: Sequence) -> u32 { return (q.size + P.chunk - 1u) / P.chunk; }

// Of padded states nothing may come, not even NaN from infinite inputs.
fn real_states(v: u32, h: vec4<f32>) -> vec4<f32> {
  ${N % 4 === 0 ? 'return h;' : `return select(vec4<f32>(), h, vec4<u32>(4u * v) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(${N}u));`}
}
fn A4(d: u32, v: u32) -> vec4<f32> { return ${four(N, (n) => `A(d, ${n})`)}; }
${has('B') ? matrix('B', BVaries) : ''}
${has('C') ? matrix('C', CVaries) : ''}
fn rate4(d: u32, v: u32) -> vec4<f32> { return A4(d, v) * LOG2E; }
fn decay4(x: vec4<f32>) -> vec4<f32> { return select(x, exp2_4(x), numbers(x)); }
fn time_within(q: Sequence, step: u32) -> u32 { return min(time_of(q, step), P.L - 1u); }
fn raw_step(q: Sequence, t: u32, d: u32) -> f32 { return delta(q.row, t, d)${has('bias') ? ' + bias(d)' : ''}; }
fn step_size(raw: f32) -> f32 { return ${softplus ? 'softplus_(raw)' : 'raw'}; }
`;
}

/**
 * The beginning of a `run` with a workgroup for each chunk and block of channels: `chunk`, `q`, group `g`, channel `d`,
 * and whether the invocation has one.
 */
export const scanPlace = `
  let block = group % P.blocks;
  let g = (group / P.blocks) % P.G;
  let ci = group / P.blocks / P.G;
  if (lane == 0u) { shared_chunk = chunk_of(ci); }
  let chunk = workgroupUniformLoad(&shared_chunk);
  let q = chunk.q;
  let own = block * LANES + lane;
  let valid = own < P.perGroup;
  let d = min(g * P.perGroup + own, P.D - 1u);
`;
export const sharedChunk = 'var<workgroup> shared_chunk: Chunk;';
