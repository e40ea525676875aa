import type { FloatDType, OpName } from '@ss/core';
import type { Random } from '../random.ts';
import { backwardOf } from './backward.ts';
import type { Call } from './call.ts';
import { convCall, convUpdateCall } from './causal-conv1d.ts';
import { embeddingCall, linearCall, normCall } from './dense.ts';
import { addCall, copyCall, unaryCall } from './elementwise.ts';
import { argmaxCall, crossEntropyCall, sampleCall } from './logits.ts';
import { scanCall } from './selective-scan.ts';
import { updateCall } from './selective-state-update.ts';

/** `small` is a few elements; `divided` is enough that a backend with threads uses them. */
type Size = 'small' | 'divided';
type Example = (dtype: FloatDType, size: Size, random: Random) => Call;

const pick = <T>(size: Size, small: T, divided: T): T => (size === 'small' ? small : divided);
const shape = (size: Size): readonly number[] => pick(size, [2, 3, 5], [64, 1037]);

const forward = {
  selectiveScan: (dtype, size, random) =>
    scanCall(
      {
        dtype,
        batch: 2,
        L: pick(size, 5, 33),
        dim: pick(size, 6, 515),
        N: pick(size, 3, 16),
        D: true,
        z: true,
        bias: true,
        softplus: true,
      },
      random,
    ),
  selectiveStateUpdate: (dtype, size, random) =>
    updateCall(
      {
        dtype,
        batch: 3,
        channels: [pick(size, 6, 1037)],
        N: pick(size, 3, 16),
        D: true,
        z: true,
        softplus: true,
      },
      random,
    ),
  causalConv1d: (dtype, size, random) =>
    convCall(
      { dtype, L: pick(size, 5, 67), dim: pick(size, 6, 515), bias: true, silu: true, from: 'initialState' },
      random,
    ),
  causalConv1dUpdate: (dtype, size, random) =>
    convUpdateCall({ dtype, dim: pick(size, 6, 1037), bias: true, silu: true }, random),
  linear: (dtype, size, random) =>
    linearCall(
      { dtype, rows: [pick(size, 3, 37)], K: pick(size, 5, 203), M: pick(size, 7, 301), bias: true },
      random,
    ),
  rmsNorm: (dtype, size, random) =>
    normCall({ dtype, rows: [pick(size, 3, 131)], K: pick(size, 5, 203), weight: true }, random),
  copy: (dtype, size, random) => copyCall({ from: dtype, to: dtype, shape: shape(size) }, random),
  add: (dtype, size, random) => addCall(dtype, shape(size), random),
  embedding: (dtype, size, random) =>
    embeddingCall({ dtype, weight: dtype, ids: [pick(size, 3, 67)], V: 17, K: pick(size, 5, 203) }, random),
  silu: (dtype, size, random) => unaryCall('silu', dtype, shape(size), random),
  softplus: (dtype, size, random) => unaryCall('softplus', dtype, shape(size), random),
  crossEntropy: (dtype, size, random) => crossEntropyCall({ dtype, R: 5, V: pick(size, 7, 5003) }, random),
  argmax: (dtype, size, random) => argmaxCall({ dtype, R: 5, V: pick(size, 7, 5003) }, random),
  sample: (dtype, size, random) => sampleCall({ dtype, R: 5, V: pick(size, 7, 5003), topK: 20 }, random),
} satisfies Partial<Record<OpName, Example>>;

function gradientOf(example: Example): Example {
  return (dtype, size, random) => backwardOf(example(dtype, size, random), random);
}

/** A typical call of every op. */
export const examples: Partial<Readonly<Record<OpName, Example>>> = {
  ...forward,
  selectiveScanBackward: gradientOf(forward.selectiveScan),
  causalConv1dBackward: gradientOf(forward.causalConv1d),
  linearBackward: gradientOf(forward.linear),
  rmsNormBackward: gradientOf(forward.rmsNorm),
  crossEntropyBackward: gradientOf(forward.crossEntropy),
  embeddingBackward: gradientOf(forward.embedding),
};
