import { causalConv1dBackward } from './causal-conv1d-backward.ts';
import { causalConv1d, causalConv1dUpdate } from './causal-conv1d.ts';
import { add, copy, silu, softplus } from './elementwise.ts';
import { embedding } from './embedding.ts';
import { linearBackward } from './linear-backward.ts';
import { linear } from './linear.ts';
import { crossEntropyBackward, embeddingBackward } from './loss-backward.ts';
import { argmax, crossEntropy, sample } from './logits.ts';
import type { OpDefinition, OpName } from './op.ts';
import { pack } from './pack.ts';
import { rmsNormBackward } from './rms-norm-backward.ts';
import { rmsNorm } from './rms-norm.ts';
import { selectiveScanBackward } from './selective-scan-backward.ts';
import { selectiveScan } from './selective-scan.ts';
import { selectiveStateUpdate } from './selective-state-update.ts';

/** Every op of the contract by name. */
export const ops: { readonly [Name in OpName]: OpDefinition } = {
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

/** The ops a user can call; `pack` is the engine's own. */
export const opNames: readonly OpName[] = (Object.keys(ops) as OpName[]).filter((name) => name !== 'pack');

/** What running a model takes: everything but the gradients. */
export const inferenceOps: readonly OpName[] = opNames.filter((name) => !name.endsWith('Backward'));
