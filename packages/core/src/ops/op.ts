import type { OpCall, TensorSpec } from '../backend.ts';
import type { DType } from '../dtype.ts';
import type { Shape } from '../shape.ts';

/** Stateless gradients: the forward's inputs and the outputs' cotangents in, the inputs' cotangents out. */
export type GradientOpName =
  | 'selectiveScanBackward'
  | 'causalConv1dBackward'
  | 'linearBackward'
  | 'rmsNormBackward'
  | 'crossEntropyBackward'
  | 'embeddingBackward';

/** Every op of the contract. `pack` is internal: it fills packed weights. */
export type OpName =
  | 'selectiveScan'
  | 'selectiveStateUpdate'
  | 'causalConv1d'
  | 'causalConv1dUpdate'
  | 'linear'
  | 'rmsNorm'
  | 'copy'
  | 'add'
  | 'embedding'
  | 'silu'
  | 'softplus'
  | 'crossEntropy'
  | 'argmax'
  | 'sample'
  | GradientOpName
  | 'pack';

/** Largest allowed |actual - expected| is `atol + rtol * |expected|`. */
export interface Tolerance {
  readonly rtol: number;
  readonly atol: number;
}

export type Specs = Readonly<Record<string, TensorSpec>>;
export type Options = Readonly<Record<string, unknown>>;

export interface Inferred {
  readonly outputs: Specs;
  readonly inout: readonly string[];
  readonly sizes: Readonly<Record<string, number>>;
}

/** One op's contract: its arguments, what they must satisfy, what comes out, and how close it must be. */
export interface OpDefinition {
  readonly name: OpName;
  /** Tensor arguments that must be given, then those that may be. */
  readonly required: readonly string[];
  readonly optional: readonly string[];
  readonly options: readonly string[];
  /** Tensor arguments that may be packed weights. */
  readonly packed?: readonly string[];
  /**
   * Validates a call and infers its outputs. `op` is the one that was called, when a gradient asks its forward.
   * @throws SsError naming the argument and both sides' facts
   */
  infer(inputs: Specs, options: Options, op?: OpName): Inferred;
  /** For an output of a call whose storage dtype is `dtype`. */
  tolerance(dtype: DType, output: string, sizes: OpCall['sizes']): Tolerance;
  /** A typical call for `explain()`: arguments that fit a main tensor of this dtype and shape. */
  example(dtype: DType, shape: Shape): { readonly inputs: Specs; readonly options: Options };
}
