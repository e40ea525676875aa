import { dtypes } from '@ss/core';
import type { BoundCall, OpCall, OpName, TensorSpec } from '@ss/core';
import { callOf, ops } from '@ss/core/engine';
import type { Allocation } from '../src/memory/pages.ts';
import { kernelOps } from '../src/ops/index.ts';
import type { Means } from '../src/ops/kernel-op.ts';
import type { Dispatch } from '../src/shader/kernel.ts';
import { chooseChunks } from '../src/ops/selective-scan.ts';

/** A large device. */
const means: Means = { mostBytes: 2 ** 31, mostBindings: 8, workgroupsAtOnce: 512 };
/** mamba-130m: model, channels, states, rank of dt, width of the convolution, tokens. */
const [K, D, N, R, W, V] = [768, 1536, 16, 48, 4, 50280];

/** Bytes that the kernels ask for, whether a cache answers them or not, and operations on floats. */
interface Work {
  readonly bytes: number;
  readonly flops: number;
}

/** One op of a layer. */
export interface LayerOp {
  readonly name: string;
  readonly op: OpName;
  readonly inputs: Readonly<Record<string, readonly number[]>>;
  readonly options?: Readonly<Record<string, unknown>>;
  readonly work: Work;
}

/** Few rows: a workgroup reads its columns of the weight once, every row for each. More: in squares, and parts of sums. */
function product(rows: number, inner: number, columns: number): Work {
  const { spec, params } = dispatchesOf('linear', { x: [rows, inner], weight: [columns, inner] })
    .dispatches[0]!;
  const flops = 2 * rows * inner * columns;
  const y = 4 * rows * columns;
  if (spec['split']) {
    return { flops, bytes: y + 4 * inner * columns * (1 + (rows * Number(spec['split'])) / 64) };
  }
  const parts = Math.ceil(inner / params['depth']!);
  const sums = parts > 1 ? 2 * parts * y : 0;
  const read = 4 * inner * (rows * params['sideways']! + columns * params['downwards']!);
  return { flops, bytes: y + sums + read };
}

function scan(L: number): Work {
  const { chunk, chunks } = chooseChunks(scanCall(L), means) ?? { chunk: L, chunks: 1 };
  // B and C once for 64 channels; softplus, silu and a polynomial exponential for each state.
  const bln = (L * N * D) / 64;
  const whole = 4 * L * D + 2 * bln + D * N + 2 * D;
  const update = 26 * N + 60;
  if (chunk === L) return { bytes: 4 * whole, flops: L * D * update };
  // A local pass reads u, delta and B; what chunks leave is written, carried (read and written) and read again.
  const local = 2 * L * D + bln + chunks * D * N + 4 * chunks * N * D + 2 * chunks * D;
  return { bytes: 4 * (whole + local), flops: L * D * (update + 22 * N + 30) };
}

function scanGradient(L: number): Work {
  const chunks = L / 8;
  const states = chunks * N * D;
  const bln = (2 * L * N * D) / 64;
  const passes = 2 * L * D + bln / 2 + states + (3 * L * D + 2 * states) + bln / 2 + 2 * states + 2 * states;
  // B and C are read once for 64 channels, and what these share goes to a part.
  const gradient = 7 * L * D + 3 * states + 2 * bln + 2 * chunks * D;
  const sums = states + bln + 2 * chunks * D;
  return { bytes: 4 * (passes + gradient + sums), flops: L * D * (100 * N + 150) };
}

const scanShapes = (L: number): LayerOp['inputs'] => ({
  u: [1, L, D],
  delta: [1, L, D],
  A: [D, N],
  B: [1, L, N],
  C: [1, L, N],
  D: [D],
  z: [1, L, D],
  deltaBias: [D],
});

/** The ops of a layer over L tokens, in f32, and for one token what comes after the last layer. */
export const layerOps = (L: number): readonly LayerOp[] => [
  {
    name: 'norm and residual',
    op: 'rmsNorm',
    inputs: { x: [L, K], weight: [K], residual: [L, K] },
    work: { bytes: 4 * L * K * 8, flops: 5 * L * K },
  },
  {
    name: 'projection in',
    op: 'linear',
    inputs: { x: [L, K], weight: [2 * D, K] },
    work: product(L, K, 2 * D),
  },
  ...(L === 1
    ? [
        {
          name: 'convolution',
          op: 'causalConv1dUpdate',
          inputs: { x: [1, D], state: [1, W - 1, D], weight: [D, W], bias: [D] },
          options: { activation: 'silu' },
          work: { bytes: 4 * D * (2 + 3 * (W - 1) + W + 1), flops: D * (2 * W + 30) },
        } as const,
        {
          name: 'state update',
          op: 'selectiveStateUpdate',
          inputs: {
            state: [1, D, N],
            x: [1, D],
            dt: [1, D],
            A: [D, N],
            B: [1, N],
            C: [1, N],
            D: [D],
            z: [1, D],
            dtBias: [D],
          },
          options: { softplus: true },
          work: { bytes: 4 * D * (5 * N + 6), flops: D * (26 * N + 60) },
        } as const,
      ]
    : [
        {
          name: 'convolution',
          op: 'causalConv1d',
          inputs: { x: [1, L, D], weight: [D, W], bias: [D] },
          options: { activation: 'silu' },
          work: { bytes: 4 * L * D * (2 * W + 2), flops: L * D * (2 * W + 30) },
        } as const,
        {
          name: 'scan',
          op: 'selectiveScan',
          inputs: scanShapes(L),
          options: { softplus: true },
          work: scan(L),
        } as const,
        {
          name: 'gradient of the scan',
          op: 'selectiveScanBackward',
          inputs: { ...scanShapes(L), dy: [1, L, D] },
          options: { softplus: true },
          work: scanGradient(L),
        } as const,
      ]),
  {
    name: 'projection to dt, B, C',
    op: 'linear',
    inputs: { x: [L, D], weight: [R + 2 * N, D] },
    work: product(L, D, R + 2 * N),
  },
  { name: 'projection of dt', op: 'linear', inputs: { x: [L, R], weight: [D, R] }, work: product(L, R, D) },
  { name: 'projection out', op: 'linear', inputs: { x: [L, D], weight: [K, D] }, work: product(L, D, K) },
  ...(L === 1
    ? [
        {
          name: 'logits',
          op: 'linear',
          inputs: { x: [1, K], weight: [V, K] },
          work: product(1, K, V),
        } as const,
        {
          name: 'sampling',
          op: 'sample',
          inputs: { logits: [1, V], uniform: [1] },
          options: { temperature: 0.8, topK: 40, topP: 0.95 },
          // Ten walks through the logits; the likely ids are at hand after them.
          work: { bytes: 4 * 10 * V, flops: 300 * V },
        } as const,
      ]
    : []),
];

function scanCall(L: number): Pick<OpCall, 'inputs' | 'sizes'> {
  return { inputs: {}, sizes: { B: 1, L, D, N, G: 1 } };
}

function spec(shape: readonly number[]): TensorSpec {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  return { dtype: 'f32', shape, strides, offset: 0 };
}

function bytesOf({ shape, dtype }: TensorSpec): number {
  return shape.reduce((a, b) => a * b, 1) * dtypes[dtype].bytes;
}

/** What a call with these shapes becomes. Inputs lie in other buffers than outputs, as they do in a device's memory. */
function dispatchesOf(
  op: OpName,
  shapes: LayerOp['inputs'],
  options: LayerOp['options'] = {},
): { readonly call: OpCall; readonly dispatches: readonly Dispatch[] } {
  const inputs = Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, spec(shape)]));
  const call: OpCall = callOf(ops[op], inputs, options);
  const [from, to] = [0, 1].map((id) => ({ page: { id }, address: 0, byteLength: 0 }) as Allocation);
  const bound = (specs: OpCall['inputs'], buffer: Allocation): BoundCall<Allocation>['inputs'] =>
    Object.fromEntries(Object.entries(specs).map(([name, each]) => [name, { ...each, buffer }]));
  const dispatches = kernelOps[op]!.dispatches(
    { ...call, inputs: bound(call.inputs, from!), outputs: bound(call.outputs, to!), scratch: to },
    means,
  );
  return { call, dispatches };
}

/** Dispatches of a call, and the least bytes it can move. */
export function costs({ op, inputs, options }: LayerOp): {
  readonly dispatches: number;
  readonly least: number;
} {
  const { call, dispatches } = dispatchesOf(op, inputs, options);
  const moved = [
    ...Object.values(call.inputs),
    ...Object.values(call.outputs),
    ...call.inout.map((name) => call.inputs[name]!),
  ];
  return { dispatches: dispatches.length, least: moved.reduce((sum, each) => sum + bytesOf(each), 0) };
}
