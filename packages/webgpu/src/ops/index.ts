import type { OpName } from '@ss/core';
import { causalConv1dBackward } from './causal-conv1d-backward.ts';
import { causalConv1d, causalConv1dUpdate } from './causal-conv1d.ts';
import { crossEntropy, crossEntropyBackward } from './cross-entropy.ts';
import { add, copy, silu, softplus } from './elementwise.ts';
import { embedding, embeddingBackward } from './embedding.ts';
import type { KernelOp } from './kernel-op.ts';
import { linear, linearBackward } from './linear.ts';
import { pack } from './packing.ts';
import { rmsNorm, rmsNormBackward } from './rms-norm.ts';
import { argmax, sample } from './sample.ts';
import { selectiveScanBackward } from './selective-scan-backward.ts';
import { selectiveScan } from './selective-scan.ts';
import { selectiveStateUpdate } from './selective-state-update.ts';

/** Every op that the kernels can run. */
export const kernelOps: Partial<Readonly<Record<OpName, KernelOp>>> = {
  copy,
  add,
  silu,
  softplus,
  embedding,
  embeddingBackward,
  linear,
  linearBackward,
  pack,
  rmsNorm,
  rmsNormBackward,
  crossEntropy,
  crossEntropyBackward,
  argmax,
  sample,
  causalConv1d,
  causalConv1dUpdate,
  causalConv1dBackward,
  selectiveStateUpdate,
  selectiveScan,
  selectiveScanBackward,
};
