import type { FloatDType } from '../dtype.ts';
import type { Tensor, WideOf } from '../tensor.ts';
import { checkCotangents, dense } from './check.ts';
import { linear } from './linear.ts';
import type { OpDefinition } from './op.ts';
import { flag } from './option.ts';
import { dotTolerance } from './tolerance.ts';

/** Gradients of y = x weight^T + bias; that of a residual is dy itself. */
export interface LinearBackwardArgs {
  /** (..., K) */
  readonly x: Tensor;
  /** (M, K), not packed */
  readonly weight: Tensor;
  /** (..., M) cotangent of y; dtype of x */
  readonly dy: Tensor;
  /** also return dbias; default false */
  readonly bias?: boolean | undefined;
}

export interface LinearGradients<
  Bias extends boolean | undefined,
  X extends FloatDType = FloatDType,
> extends Disposable {
  /** (..., K) in x's dtype */
  readonly dx: Tensor<X>;
  /** (M, K) in f32 (f64 for f64 x), so that narrow weights accumulate without loss */
  readonly dweight: Tensor<WideOf<X>>;
  /** (M), as dweight */
  readonly dbias: Bias extends true ? Tensor<WideOf<X>> : undefined;
}

export const linearBackward: OpDefinition = {
  name: 'linearBackward',
  required: ['x', 'weight', 'dy'],
  optional: [],
  options: { bias: flag },

  infer({ dy, ...forward }, options) {
    const { sizes, outputs } = linear.infer(forward, {}, 'linearBackward');
    checkCotangents('linearBackward', { dy }, { dy: outputs['y']! });
    const { x, weight } = forward as { x: typeof dy & object; weight: typeof dy & object };
    const wide = x.dtype === 'f64' ? 'f64' : 'f32';
    return {
      outputs: {
        dx: dense(x.dtype, x.shape),
        dweight: dense(wide, weight.shape),
        ...((options['bias'] as boolean) && { dbias: dense(wide, [sizes['M']!]) }),
      },
      inout: [],
      sizes,
    };
  },

  /** dx sums over M, dweight and dbias over the rows. */
  tolerance(dtype, output, sizes) {
    const K = output === 'dx' ? sizes['M']! : sizes['R']!;
    return dotTolerance(output === 'dx' || dtype === 'f64' ? dtype : 'f32', { K });
  },

  example(dtype, shape) {
    const { inputs, options } = linear.example(dtype, shape);
    return { inputs: { ...inputs, dy: inputs['x']! }, options };
  },
};
