import type { DType, OpName } from '@ss/core';
import { backwardOf, forwardOf } from '../calls/backward.ts';
import { withLayout } from '../calls/call.ts';
import type { Call } from '../calls/call.ts';
import { convCall, convUpdateCall } from '../calls/causal-conv1d.ts';
import { embeddingCall, linearCall, normCall } from '../calls/dense.ts';
import { addCall, copyCall, unaryCall } from '../calls/elementwise.ts';
import { argmaxCall, crossEntropyCall, sampleCall } from '../calls/logits.ts';
import { scanCall } from '../calls/selective-scan.ts';
import { updateCall } from '../calls/selective-state-update.ts';
import { combine, label } from '../combinations.ts';
import type { Combination, Parameters } from '../combinations.ts';
import { layoutNames } from '../layouts.ts';
import { Random } from '../random.ts';
import type { Tier } from '../report.ts';

const flag = [false, true] as const;
const dtype = ['f64', 'f32', 'f16', 'bf16'] as const;
const layout = layoutNames;
const anyDType: readonly DType[] = [
  'f64',
  'f32',
  'f16',
  'bf16',
  'complex64',
  'i64',
  'i32',
  'u32',
  'i8',
  'u8',
];

interface Sweep {
  rows(tier: Tier): readonly Readonly<Record<string, unknown>>[];
  make(row: never, random: Random): Call;
}

function sweep<const P extends Parameters>(
  parameters: P,
  make: (row: Combination<P>, random: Random) => Call,
  allowed?: (row: Combination<P>) => boolean,
): Sweep {
  return { rows: (tier) => combine(tier, parameters, allowed), make: make as Sweep['make'] };
}

/** Small calls over every dtype, layout and option of an op: what `assess` may be asked. */
const all: Partial<Readonly<Record<OpName, Sweep>>> = {
  selectiveScan: sweep(
    {
      dtype,
      layout,
      complex: flag,
      varB: flag,
      varC: flag,
      groups: [0, 2],
      from: ['zero', 'initialState', 'state'],
      packed: flag,
      pool: flag,
      reverse: flag,
      softplus: flag,
      z: flag,
    },
    ({ packed, pool, ...row }, random) =>
      scanCall(
        {
          ...row,
          L: 5,
          dim: 6,
          N: 3,
          D: true,
          bias: row.z,
          ...(packed && { packed: [2, 3] }),
          ...(pool && { pool: 4 }),
        },
        random,
      ),
    ({ from, pool, varB, varC, groups }) => (from !== 'zero' || !pool) && (groups === 0 || varB || varC),
  ),
  selectiveStateUpdate: sweep(
    { dtype, layout, heads: flag, groups: [0, 2], D: flag, z: flag, bias: flag, softplus: flag, pool: flag },
    ({ heads, pool, ...row }, random) =>
      updateCall({ ...row, channels: heads ? [2, 3] : [6], N: 3, ...(pool && { pool: 4 }) }, random),
  ),
  causalConv1d: sweep(
    {
      dtype,
      layout,
      weight: dtype,
      W: [1, 2, 4, 5],
      bias: flag,
      silu: flag,
      from: ['zero', 'initialState', 'state'],
      packed: flag,
      pool: flag,
      reverse: flag,
    },
    ({ packed, pool, ...row }, random) =>
      convCall({ ...row, L: 5, dim: 6, ...(packed && { packed: [2, 3] }), ...(pool && { pool: 4 }) }, random),
    ({ from, pool }) => from !== 'zero' || !pool,
  ),
  causalConv1dUpdate: sweep(
    {
      dtype,
      layout,
      weight: dtype,
      W: [1, 2, 4, 5],
      bias: flag,
      silu: flag,
      state: ['x', 'f32'],
      pool: flag,
    },
    ({ pool, ...row }, random) =>
      convUpdateCall(
        { ...row, dim: 6, state: row.state === 'x' ? row.dtype : 'f32', ...(pool && { pool: 4 }) },
        random,
      ),
  ),
  linear: sweep(
    { dtype, layout, weight: dtype, rows: [[3], [2, 3]], bias: flag, residual: flag },
    (row, random) => linearCall({ ...row, K: 5, M: 7 }, random),
  ),
  rmsNorm: sweep(
    {
      dtype,
      layout,
      rows: [[3], [2, 3]],
      weight: flag,
      residual: ['none', 'x', 'f32'],
      gate: flag,
      groups: [1, 2],
    },
    ({ residual, ...row }, random) =>
      normCall(
        { ...row, K: 6, residual: residual === 'none' ? undefined : residual === 'x' ? row.dtype : 'f32' },
        random,
      ),
  ),
  embedding: sweep({ dtype, layout, weight: dtype }, (row, random) => embeddingCall(row, random)),
  copy: sweep(
    { from: anyDType, to: anyDType, layout, inPlace: flag },
    (row, random) => copyCall({ ...row, shape: [2, 3, 5] }, random),
    ({ from, to }) => (from === 'complex64') === (to === 'complex64'),
  ),
  add: sweep({ dtype, layout }, (row, random) => addCall(row.dtype, [2, 3, 5], random)),
  silu: sweep({ dtype, layout }, (row, random) => unaryCall('silu', row.dtype, [2, 3, 5], random)),
  softplus: sweep({ dtype, layout }, (row, random) => unaryCall('softplus', row.dtype, [2, 3, 5], random)),
  crossEntropy: sweep({ dtype, layout }, (row, random) => crossEntropyCall(row, random)),
  argmax: sweep({ dtype, layout }, (row, random) => argmaxCall(row, random)),
  sample: sweep(
    { dtype, layout, recent: flag, topK: [0, 3], topP: [1, 0.8], minP: [0, 0.1], temperature: [0, 0.7] },
    (row, random) => sampleCall({ ...row, penalty: row.recent ? 1.2 : undefined }, random),
  ),
};

/** Calls by name, each made when its turn comes. */
export function* sweeps(op: OpName, tier: Tier): Generator<readonly [name: string, make: () => Call]> {
  const { rows, make } = all[forwardOf(op) ?? op]!;
  for (const row of rows(tier)) {
    const name = label(row);
    yield [
      name,
      () => {
        const random = new Random(`${op} ${name}`);
        const call = make(row as never, random);
        return withLayout(forwardOf(op) ? backwardOf(call, random) : call, row['layout'] as never);
      },
    ];
  }
}
