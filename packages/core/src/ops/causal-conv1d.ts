import type { TensorSpec } from '../backend.ts';
import type { DType, FloatDType } from '../dtype.ts';
import type { Tensor } from '../tensor.ts';
import { Checker, dense } from './check.ts';
import type { OpDefinition } from './op.ts';
import { flag } from './option.ts';
import type { OptionDefinition } from './option.ts';
import { checkSequences, sequenceInputs } from './sequences.ts';
import type { SequenceArgs } from './sequences.ts';
import { convTolerance } from './tolerance.ts';

/**
 * Depthwise causal convolution (`causal_conv1d_fn` of the official package, time-major):
 *
 *     y[t] = act(bias + sum_k weight[:, k] * x[t - W + 1 + k])
 *
 * with the W - 1 columns before the first step taken from the state, or zeros: an infinite weight makes them NaN.
 */
export interface CausalConv1dArgs extends SequenceArgs {
  /** (B, L, D); its dtype is that of y and of the states */
  readonly x: Tensor;
  /** (D, W), W >= 1, any real dtype */
  readonly weight: Tensor;
  /** (D) */
  readonly bias?: Tensor | undefined;
  /** (B, W - 1, D), (S, W - 1, D) when packed: the inputs before the first step, oldest first */
  readonly initialState?: Tensor | undefined;
  /** (B, W - 1, D) from `engine.state()`: read as the initial state and overwritten with the final one */
  readonly state?: Tensor | undefined;
  readonly activation?: 'silu' | undefined;
  /** also return the last W - 1 inputs; default false */
  readonly finalState?: boolean | undefined;
  /** run from the last step to the first (anti-causal); default false */
  readonly reverse?: boolean | undefined;
}

export interface CausalConv1dResult<
  Final extends boolean | undefined,
  X extends FloatDType = FloatDType,
> extends Disposable {
  /** (B, L, D) */
  readonly y: Tensor<X>;
  /** (B, W - 1, D) in x's dtype, oldest first; with `reverse`, in the order of the walk */
  readonly finalState: Final extends true ? Tensor<X> : undefined;
}

/** One step of {@link CausalConv1dArgs}, in place (`causal_conv1d_update`). */
export interface CausalConv1dUpdateArgs<X extends DType = DType> {
  /** (B, D) */
  readonly x: Tensor<X>;
  /** (B, W - 1, D) from `engine.state()`, shifted by one; f32 or x's dtype */
  readonly state: Tensor;
  /** (D, W) */
  readonly weight: Tensor;
  /** (D) */
  readonly bias?: Tensor | undefined;
  /** (B) i32: the rows of `state` that the batch uses; negative is padding */
  readonly stateIndices?: Tensor | undefined;
  readonly activation?: 'silu' | undefined;
}

/** Absent: none. */
export const activation: OptionDefinition = { wanted: "'silu'", accepts: (value) => value === 'silu' };

export const causalConv1d: OpDefinition = {
  name: 'causalConv1d',
  required: ['x', 'weight'],
  optional: ['bias', 'initialState', 'state', ...sequenceInputs],
  options: { activation, finalState: flag, reverse: flag },
  gradient: {
    op: 'causalConv1dBackward',
    cotangents: { x: 'dx', weight: 'dweight', bias: 'dbias', initialState: 'dinitialState' },
  },

  infer(inputs, options, op = 'causalConv1d') {
    const check = new Checker(op, inputs);
    const x = check.shape('x', ['B', 'L', 'D'])!;
    checkWeights(check);
    check.positive('B', 'L', 'D', 'W');
    const { D, W } = check.sizes as { D: number; W: number };
    const { rows, slots } = checkSequences(check, inputs);
    for (const name of ['initialState', 'state']) checkState(check, name, x, [slots, W - 1, 'D']);
    if (inputs['state'] && (inputs['initialState'] || options['finalState'])) {
      throw check.error(
        'argument-invalid',
        'state already is the initial and the final state; give it alone.',
      );
    }
    return {
      outputs: {
        y: dense(x.dtype, x.shape),
        ...((options['finalState'] as boolean) && {
          finalState: dense(x.dtype, [check.sizes[rows]!, W - 1, D]),
        }),
      },
      inout: inputs['state'] ? ['state'] : [],
      sizes: check.sizes,
    };
  },

  tolerance: convTolerance,

  example(dtype, shape) {
    const [B = 1, L = 1, D = 1] = shape;
    return {
      inputs: { x: dense(dtype, [B, L, D]), weight: dense(dtype, [D, 4]) },
      options: { activation: 'silu' },
    };
  },
};

export const causalConv1dUpdate: OpDefinition = {
  name: 'causalConv1dUpdate',
  required: ['x', 'state', 'weight'],
  optional: ['bias', 'stateIndices'],
  options: { activation },
  result: 'y',
  decomposition(args, ops) {
    const { x, ...others } = args as unknown as CausalConv1dUpdateArgs;
    const { y } = ops.causalConv1d({ ...others, x: x.unsqueeze(1) });
    return { y: y.reshape(x.shape) };
  },

  infer(inputs) {
    const check = new Checker('causalConv1dUpdate', inputs);
    const x = check.shape('x', ['B', 'D'])!;
    checkWeights(check);
    check.positive('B', 'D', 'W');
    const { slots } = checkSequences(check, inputs);
    checkState(check, 'state', x, [slots, check.sizes['W']! - 1, 'D']);
    return { outputs: { y: dense(x.dtype, x.shape) }, inout: ['state'], sizes: check.sizes };
  },

  tolerance: convTolerance,

  example(dtype, shape) {
    const [B = 1, D = 1] = shape;
    return {
      inputs: { x: dense(dtype, [B, D]), state: dense('f32', [B, 3, D]), weight: dense(dtype, [D, 4]) },
      options: {},
    };
  },
};

function checkWeights(check: Checker): void {
  check.shape('weight', ['D', 'W']);
  check.shape('bias', ['D']);
  check.float('x', 'weight', 'bias');
}

function checkState(
  check: Checker,
  name: string,
  x: TensorSpec,
  pattern: readonly (string | number)[],
): void {
  check.shape(name, pattern);
  check.dtype(name, name === 'state' ? [x.dtype, 'f32'] : [x.dtype]);
}
