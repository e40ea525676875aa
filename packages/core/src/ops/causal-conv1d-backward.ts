import type { FloatOf, Tensor } from '../tensor.ts';
import { activation, causalConv1d } from './causal-conv1d.ts';
import type { CausalConv1dArgs } from './causal-conv1d.ts';
import { checkCotangents, gradientsOf } from './check.ts';
import type { OpDefinition } from './op.ts';
import { flag } from './option.ts';
import { sequenceInputs } from './sequences.ts';
import { convGradientTolerance } from './tolerance.ts';

/** Gradients of {@link CausalConv1dArgs}; the pre-activation is computed again. */
export interface CausalConv1dBackwardArgs extends Omit<CausalConv1dArgs, 'state' | 'finalState'> {
  /** (B, L, D) cotangent of y; dtype of x */
  readonly dy: Tensor;
  /** (B, W - 1, D) cotangent of the final state; dtype of x */
  readonly dfinalState?: Tensor | undefined;
}

export interface CausalConv1dGradients<
  A extends CausalConv1dBackwardArgs = CausalConv1dBackwardArgs,
> extends Disposable {
  /** (B, L, D) in x's dtype */
  readonly dx: Tensor<FloatOf<A['x']>>;
  /** (D, W) in weight's dtype */
  readonly dweight: Tensor<FloatOf<A['weight']>>;
  /** (D) in bias' dtype */
  readonly dbias?: Tensor<FloatOf<A['bias']>>;
  /** (B, W - 1, D) in x's dtype */
  readonly dinitialState?: Tensor<FloatOf<A['x']>>;
}

export const causalConv1dBackward: OpDefinition = {
  name: 'causalConv1dBackward',
  required: ['x', 'weight', 'dy'],
  optional: ['bias', 'initialState', 'dfinalState', ...sequenceInputs],
  options: { activation, reverse: flag },

  infer(inputs, options) {
    const { dy, dfinalState, ...forward } = inputs;
    const { sizes, outputs } = causalConv1d.infer(
      forward,
      { ...options, finalState: true },
      'causalConv1dBackward',
    );
    checkCotangents(
      'causalConv1dBackward',
      { dy, dfinalState },
      { dy: outputs['y']!, dfinalState: outputs['finalState']! },
    );
    const { cuSeqlens: _, stateIndices: __, ...others } = forward;
    return { outputs: gradientsOf(others), inout: [], sizes };
  },

  tolerance: convGradientTolerance,

  example(dtype, shape) {
    const { inputs, options } = causalConv1d.example(dtype, shape);
    return { inputs: { ...inputs, dy: inputs['x']! }, options };
  },
};
