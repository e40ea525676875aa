import type { OpCall } from '../backend.ts';
import type { DType } from '../dtype.ts';
import type { Shape } from '../shape.ts';
import type { FloatTensor, Tensor } from '../tensor.ts';
import { causalConv1dBackward } from './causal-conv1d-backward.ts';
import type { CausalConv1dBackwardArgs, CausalConv1dGradients } from './causal-conv1d-backward.ts';
import { causalConv1d, causalConv1dUpdate } from './causal-conv1d.ts';
import type { CausalConv1dArgs, CausalConv1dResult, CausalConv1dUpdateArgs } from './causal-conv1d.ts';
import { add, copy, silu, softplus } from './elementwise.ts';
import type { AddArgs, CopyArgs, UnaryArgs } from './elementwise.ts';
import { embedding } from './embedding.ts';
import type { EmbeddingArgs } from './embedding.ts';
import { linearBackward } from './linear-backward.ts';
import type { LinearBackwardArgs, LinearGradients } from './linear-backward.ts';
import { linear } from './linear.ts';
import type { LinearArgs } from './linear.ts';
import { crossEntropyBackward, embeddingBackward } from './loss-backward.ts';
import type { CrossEntropyBackwardArgs, EmbeddingBackwardArgs } from './loss-backward.ts';
import { argmax, crossEntropy, sample } from './logits.ts';
import type { ArgmaxArgs, CrossEntropyArgs, SampleArgs, SampleResult } from './logits.ts';
import { callOf } from './op.ts';
import type { OpDefinition, OpName } from './op.ts';
import { pack } from './pack.ts';
import { rmsNormBackward } from './rms-norm-backward.ts';
import type { RmsNormBackwardArgs, RmsNormGradients } from './rms-norm-backward.ts';
import { rmsNorm } from './rms-norm.ts';
import type { RmsNormArgs, RmsNormResult } from './rms-norm.ts';
import { selectiveScanBackward } from './selective-scan-backward.ts';
import type { SelectiveScanBackwardArgs, SelectiveScanGradients } from './selective-scan-backward.ts';
import { selectiveScan } from './selective-scan.ts';
import type { SelectiveScanArgs, SelectiveScanResult } from './selective-scan.ts';
import { selectiveStateUpdate } from './selective-state-update.ts';
import type { SelectiveStateUpdateArgs } from './selective-state-update.ts';

/** The ops as methods: what an engine has, and whatever else runs, records or differentiates them. */
export interface Ops {
  selectiveScan<const A extends SelectiveScanArgs>(args: A): SelectiveScanResult<A['finalState']>;
  /** @returns y (B, D) or (B, H, P) */
  selectiveStateUpdate(args: SelectiveStateUpdateArgs): FloatTensor;
  causalConv1d<const A extends CausalConv1dArgs>(args: A): CausalConv1dResult<A['finalState']>;
  /** @returns y (B, D) */
  causalConv1dUpdate(args: CausalConv1dUpdateArgs): FloatTensor;
  /** @returns y (..., M) */
  linear(args: LinearArgs): FloatTensor;
  rmsNorm<const A extends RmsNormArgs>(args: A): RmsNormResult<A['residual']>;
  /** A dense copy of any view, cast if asked. */
  copy(args: Omit<CopyArgs, 'to'>): Tensor;
  add(args: AddArgs): FloatTensor;
  /** @returns (..., K) */
  embedding(args: EmbeddingArgs): FloatTensor;
  silu(args: UnaryArgs): FloatTensor;
  softplus(args: UnaryArgs): FloatTensor;
  /** @returns loss (R) */
  crossEntropy(args: CrossEntropyArgs): FloatTensor;
  /** @returns ids (R) i32 */
  argmax(args: ArgmaxArgs): Tensor<'i32'>;
  sample(args: SampleArgs): SampleResult;
  selectiveScanBackward(args: SelectiveScanBackwardArgs): SelectiveScanGradients;
  causalConv1dBackward(args: CausalConv1dBackwardArgs): CausalConv1dGradients;
  linearBackward<const A extends LinearBackwardArgs>(args: A): LinearGradients<A['bias']>;
  rmsNormBackward(args: RmsNormBackwardArgs): RmsNormGradients;
  /** @returns dlogits (R, V) */
  crossEntropyBackward(args: CrossEntropyBackwardArgs): FloatTensor;
  /** @returns dweight (V, K) */
  embeddingBackward(args: EmbeddingBackwardArgs): FloatTensor;
}

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
export const inferenceOps: readonly OpName[] = opNames.filter(
  (name) => !Object.values(ops).some(({ gradient }) => gradient?.op === name),
);

/** A typical call of an op. */
export function exampleCall(op: OpName, dtype: DType, shape: Shape): OpCall {
  const { inputs, options } = ops[op].example(dtype, shape);
  return callOf(ops[op], inputs, options);
}
