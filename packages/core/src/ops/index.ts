import type { OpCall } from '../backend.ts';
import type { DType, FloatDType } from '../dtype.ts';
import type { Shape } from '../shape.ts';
import type { Computed, DTypeOf, FloatOf, Tensor, WideOf } from '../tensor.ts';
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
import type { SelectiveScanArgs, SelectiveScanResult, StateDType } from './selective-scan.ts';
import { selectiveStateUpdate } from './selective-state-update.ts';
import type { SelectiveStateUpdateArgs } from './selective-state-update.ts';

/** The ops as methods: what an engine has, and whatever else runs, records or differentiates them. */
export interface Ops {
  selectiveScan<const A extends SelectiveScanArgs>(
    args: A,
  ): SelectiveScanResult<A['finalState'], FloatOf<A['u']>, StateDType<DTypeOf<A['A']>, FloatOf<A['u']>>>;
  /** @returns y (B, D) or (B, H, P) */
  selectiveStateUpdate<X extends DType>(args: SelectiveStateUpdateArgs<X>): Computed<X>;
  causalConv1d<const A extends CausalConv1dArgs>(
    args: A,
  ): CausalConv1dResult<A['finalState'], FloatOf<A['x']>>;
  /** @returns y (B, D) */
  causalConv1dUpdate<X extends DType>(args: CausalConv1dUpdateArgs<X>): Computed<X>;
  /** @returns y (..., M) */
  linear<X extends DType>(args: LinearArgs<X>): Computed<X>;
  rmsNorm<const A extends RmsNormArgs>(args: A): RmsNormResult<A['residual'], FloatOf<A['x']>>;
  /** A dense copy of any view, cast if asked. */
  copy<X extends DType, To extends DType = X>(args: Omit<CopyArgs<X, To>, 'to'>): Tensor<To>;
  add<A extends DType>(args: AddArgs<A>): Computed<A>;
  /** @returns (..., K) */
  embedding<To extends FloatDType = 'f32'>(args: EmbeddingArgs<To>): Tensor<To>;
  silu<X extends DType>(args: UnaryArgs<X>): Computed<X>;
  softplus<X extends DType>(args: UnaryArgs<X>): Computed<X>;
  /** @returns loss (R) */
  crossEntropy<X extends DType>(args: CrossEntropyArgs<X>): Tensor<WideOf<X>>;
  /** @returns ids (R) i32 */
  argmax(args: ArgmaxArgs): Tensor<'i32'>;
  sample(args: SampleArgs): SampleResult;
  selectiveScanBackward<const A extends SelectiveScanBackwardArgs>(args: A): SelectiveScanGradients<A>;
  causalConv1dBackward<const A extends CausalConv1dBackwardArgs>(args: A): CausalConv1dGradients<A>;
  linearBackward<const A extends LinearBackwardArgs>(args: A): LinearGradients<A['bias'], FloatOf<A['x']>>;
  rmsNormBackward<const A extends RmsNormBackwardArgs>(args: A): RmsNormGradients<A>;
  /** @returns dlogits (R, V) */
  crossEntropyBackward<X extends DType>(args: CrossEntropyBackwardArgs<X>): Computed<X>;
  /** @returns dweight (V, K) */
  embeddingBackward<Y extends DType>(args: EmbeddingBackwardArgs<Y>): Tensor<WideOf<Y>>;
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
