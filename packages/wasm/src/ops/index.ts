import type { OpName } from '@ss/core';
import { causalConv1dBackward } from './causal-conv1d-backward.ts';
import { causalConv1d, causalConv1dUpdate } from './causal-conv1d.ts';
import { add, copy, silu, softplus } from './elementwise.ts';
import { embedding } from './embedding.ts';
import type { KernelOp } from './kernel-op.ts';
import { linearBackward } from './linear-backward.ts';
import { linear, pack } from './linear.ts';
import { argmax, crossEntropy, sample } from './logits.ts';
import { crossEntropyBackward, embeddingBackward } from './loss-backward.ts';
import { rmsNormBackward } from './rms-norm-backward.ts';
import { rmsNorm } from './rms-norm.ts';
import { selectiveScanBackward } from './selective-scan-backward.ts';
import { selectiveScan } from './selective-scan.ts';
import { selectiveStateUpdate } from './selective-state-update.ts';

/** Every op that the kernels can run. */
export const kernelOps: Partial<Readonly<Record<OpName, KernelOp>>> = {
  selectiveScan,
  selectiveStateUpdate,
  causalConv1d,
  causalConv1dUpdate,
  linear,
  rmsNorm,
  copy,
  add,
  embedding,
  silu,
  softplus,
  crossEntropy,
  argmax,
  sample,
  selectiveScanBackward,
  causalConv1dBackward,
  linearBackward,
  rmsNormBackward,
  crossEntropyBackward,
  embeddingBackward,
  pack,
};
