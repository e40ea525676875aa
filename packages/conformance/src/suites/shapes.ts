import type { DType } from '@ss/core';
import { embeddingCall, linearCall, normCall } from '../calls/dense.ts';
import { addCall, copyCall, unaryCall } from '../calls/elementwise.ts';
import { argmaxCall, crossEntropyCall, sampleCall } from '../calls/logits.ts';
import type { Suite } from '../case.ts';
import { combine, label } from '../combinations.ts';
import type { Tier } from '../report.ts';
import { gradientsOf, referenceSuite } from './named.ts';
import type { Grids, Named } from './named.ts';

const flag = [false, true] as const;
const dtype = ['f32', 'f16', 'bf16'] as const;
const flat = [[1], [3], [4], [7], [16], [33], [2, 3, 5], [1025]] as const;

const linearGrid = {
  dtype,
  weight: dtype,
  rows: [[1], [2], [7], [2, 3], [33]],
  K: [1, 3, 8, 16, 17, 33, 64, 127, 260],
  M: [1, 2, 5, 8, 17, 64, 67],
  bias: flag,
  residual: flag,
} as const;
const normGrid = {
  dtype,
  rows: [[1], [3], [2, 5]],
  K: [1, 3, 8, 17, 48, 64, 768, 1533],
  weight: flag,
  residual: ['none', 'same', 'f32'],
  gate: flag,
  groups: [1, 2, 3, 4],
  eps: [1e-5, 1e-2],
} as const;
const embeddingGrid = {
  dtype: ['f32', 'f16', 'bf16'],
  weight: dtype,
  ids: [[1], [5], [2, 3]],
  V: [1, 2, 17, 256],
  K: [1, 3, 8, 33],
} as const;
const castable: readonly DType[] = ['f64', 'f32', 'f16', 'bf16', 'i32', 'i64', 'u32', 'i8', 'u8'];
const copyGrid = { from: castable, to: castable, shape: [[1], [7], [2, 3, 5], [65]], inPlace: flag } as const;
const lossGrid = { dtype, R: [1, 2, 5], V: [1, 2, 7, 16, 33, 1000], ignore: flag } as const;
const argmaxGrid = { dtype, R: [1, 2, 5], V: [1, 2, 7, 16, 33, 255, 1000], padding: [0, 1, 3] } as const;
const sampleGrid = {
  dtype: ['f32', 'bf16'],
  R: [1, 3],
  V: [1, 2, 11, 40, 255],
  temperature: [0, 0.5, 1, 2],
  topK: [0, 1, 5, 1000],
  topP: [1, 0.9, 0.5],
  minP: [0, 0.1],
  penalty: [1, 1.3],
  recent: flag,
  padding: [0, 3],
} as const;

const forward: Grids = {
  linear: (tier) => combine(tier, linearGrid).map((row) => [label(row), (random) => linearCall(row, random)]),
  rmsNorm: norms(1),
  embedding: (tier) =>
    combine(tier, embeddingGrid).map((row) => [label(row), (random) => embeddingCall(row, random)]),
  copy: (tier) =>
    combine(tier, copyGrid, ({ from, to }) => from !== 'i64' || to === 'i64').map((row) => [
      label(row),
      (random) => copyCall(row, random),
    ]),
  add: (tier) =>
    combine(tier, { dtype, shape: flat }).map((row) => [
      label(row),
      (random) => addCall(row.dtype, row.shape, random),
    ]),
  silu: unary('silu'),
  softplus: unary('softplus'),
  crossEntropy: (tier) =>
    combine(tier, lossGrid).map((row) => [label(row), (random) => crossEntropyCall(row, random)]),
  argmax: (tier) =>
    combine(tier, argmaxGrid, ({ V, padding }) => padding < V).map((row) => [
      label(row),
      (random) =>
        argmaxCall({ ...row, vocabulary: row.padding === 0 ? undefined : row.V - row.padding }, random),
    ]),
  sample: (tier) =>
    combine(tier, sampleGrid, ({ V, padding }) => padding < V).map((row) => [
      label(row),
      (random) =>
        sampleCall({ ...row, vocabulary: row.padding === 0 ? undefined : row.V - row.padding }, random),
    ]),
};
/** Ops without an official grid: sizes around and between vector widths, every argument, every storage dtype. */
export const shapes: Suite = referenceSuite('shapes', {
  ...forward,
  linearBackward: gradientsOf(forward.linear!),
  // The norm of one number is its sign: what is left of the gradient is the rounding of a difference.
  rmsNormBackward: gradientsOf(norms(2)),
  crossEntropyBackward: gradientsOf(forward.crossEntropy!),
  embeddingBackward: gradientsOf(forward.embedding!),
});

function norms(smallestGroup: number): (tier: Tier) => Named[] {
  const allowed = ({ K, groups }: { K: number; groups: number }): boolean =>
    K % groups === 0 && K >= groups * smallestGroup;
  return (tier) =>
    combine(tier, normGrid, allowed).map((row) => [
      label(row),
      (random) => normCall({ ...row, residual: residualOf(row) }, random),
    ]);
}

function unary(op: 'silu' | 'softplus'): (tier: Tier) => Named[] {
  return (tier) =>
    combine(tier, { dtype, shape: flat }).map((row) => [
      label(row),
      (random) => unaryCall(op, row.dtype, row.shape, random),
    ]);
}

function residualOf({
  residual,
  dtype,
}: {
  residual: 'none' | 'same' | 'f32';
  dtype: 'f32' | 'f16' | 'bf16';
}): 'f32' | 'f16' | 'bf16' | undefined {
  if (residual === 'none') return undefined;
  return residual === 'same' ? dtype : residual;
}
