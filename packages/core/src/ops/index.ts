import { causalConv1d, causalConv1dUpdate } from './causal-conv1d.ts';
import { add, copy, silu, softplus } from './elementwise.ts';
import { embedding } from './embedding.ts';
import { linear } from './linear.ts';
import { argmax, crossEntropy, sample } from './logits.ts';
import type { OpDefinition, OpName } from './op.ts';
import { pack } from './pack.ts';
import { rmsNorm } from './rms-norm.ts';
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
  pack,
};

/** The ops a user can call; `pack` is the engine's own. */
export const opNames: readonly OpName[] = (Object.keys(ops) as OpName[]).filter((name) => name !== 'pack');
