import type { OpCall, TensorSpec } from '../backend.ts';
import type { DType } from '../dtype.ts';
import type { Shape } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import type { Ops } from './index.ts';
import { completeOptions } from './option.ts';
import type { Options, OptionTable } from './option.ts';

/** Every op of the contract. `pack` is internal: it fills packed weights. */
export type OpName = keyof Ops | 'pack';

/** Stateless gradients: the forward's inputs and the outputs' cotangents in, the inputs' cotangents out. */
export type GradientOpName = Extract<OpName, `${string}Backward`>;

/** Largest allowed |actual - expected| is `atol + rtol * |expected|`. */
export interface Tolerance {
  readonly rtol: number;
  readonly atol: number;
}

export type Specs = Readonly<Record<string, TensorSpec>>;

export interface Inferred {
  readonly outputs: Specs;
  readonly inout: readonly string[];
  readonly sizes: Readonly<Record<string, number>>;
  /** Options whose default depends on the arguments, where they were not given. */
  readonly options?: Options;
}

/** How an op is differentiated: the gradient op, and what its arguments are for a call of the forward. */
export interface Gradient {
  readonly op: GradientOpName;
  /** Inputs of the forward that the gradient op takes; default: all. */
  readonly inputs?: readonly string[];
  /** Options of the gradient op for a call of the forward; default: those of the forward that it has. */
  options?(inputs: Readonly<Record<string, unknown>>, options: Options): Options;
  /**
   * For each input that has a cotangent where it is given: the output of the gradient op that is it, or a cotangent of
   * the forward's outputs that passes unchanged.
   */
  readonly cotangents: Readonly<Record<string, string>>;
}

/**
 * An op as others. It is also run with tensors that have no memory, to know what it would call.
 * @param args the tensors and the complete options of a call
 * @returns the outputs by name; undefined for a call that the others cannot make
 */
export type Decomposition = (
  args: Readonly<Record<string, unknown>>,
  ops: Ops,
) => Readonly<Record<string, Tensor>> | undefined;

/** One op's contract: its arguments, what they must satisfy, what comes out, and how close it must be. */
export interface OpDefinition {
  readonly name: OpName;
  /** Tensor arguments that must be given, then those that may be. */
  readonly required: readonly string[];
  readonly optional: readonly string[];
  /** Arguments that are no tensors, with their defaults. */
  readonly options: OptionTable;
  /** Tensor arguments that may be packed weights. */
  readonly packed?: readonly string[];
  /** The output that the engine's method returns itself; without it, it returns all of them by name. */
  readonly result?: string;
  /** Absent where the op has none. */
  readonly gradient?: Gradient;
  /** For backends that lack it; absent where no other ops make it. */
  readonly decomposition?: Decomposition;
  /**
   * Validates a call's tensors and infers its outputs; options are complete. `op` is the one that was called, when a
   * gradient asks its forward.
   * @throws SsError naming the argument and both sides' facts
   */
  infer(inputs: Specs, options: Options, op?: OpName): Inferred;
  /** For an output of a call whose storage dtype is `dtype`. */
  tolerance(dtype: DType, output: string, sizes: OpCall['sizes']): Tolerance;
  /** A typical call for `explain()`: arguments that fit a main tensor of this dtype and shape. */
  example(dtype: DType, shape: Shape): { readonly inputs: Specs; readonly options: Options };
}

/** The call that these arguments make, as backends see it: complete and validated. @throws SsError from the op's contract */
export function callOf(definition: OpDefinition, inputs: Specs, given: Options): OpCall {
  const { name: op } = definition;
  const options = completeOptions(op, definition.options, given);
  const { outputs, inout, sizes, options: more } = definition.infer(inputs, options);
  // Listeners to the trace and callers of assess() see them, too, while the call may still wait.
  return {
    op,
    inputs,
    outputs,
    inout,
    options: Object.freeze({ ...options, ...more }),
    sizes: Object.freeze(sizes),
  };
}
