import type { FloatOf, Tensor } from '../tensor.ts';
import { checkCotangents, gradientsOf } from './check.ts';
import type { OpDefinition } from './op.ts';
import { rmsNorm } from './rms-norm.ts';
import type { RmsNormArgs } from './rms-norm.ts';

/** Gradients of {@link RmsNormArgs}. */
export interface RmsNormBackwardArgs extends RmsNormArgs {
  /** (..., K) cotangent of y; dtype of x */
  readonly dy: Tensor;
  /** (..., K) cotangent of the returned sum; dtype of the residual */
  readonly dsum?: Tensor | undefined;
}

/** Gradients of optional inputs are there when the input was given; dresidual is the gradient of the sum. */
export interface RmsNormGradients<A extends RmsNormArgs = RmsNormArgs> extends Disposable {
  readonly dx: Tensor<FloatOf<A['x']>>;
  /** (K) */
  readonly dweight?: Tensor<FloatOf<A['weight']>>;
  readonly dresidual?: Tensor<FloatOf<A['residual']>>;
  readonly dgate?: Tensor<FloatOf<A['gate']>>;
}

export const rmsNormBackward: OpDefinition = {
  name: 'rmsNormBackward',
  required: ['x', 'dy'],
  optional: ['weight', 'residual', 'gate', 'dsum'],
  options: rmsNorm.options,

  infer(inputs, options) {
    const { dy, dsum, ...forward } = inputs;
    const { sizes, outputs } = rmsNorm.infer(forward, options, 'rmsNormBackward');
    checkCotangents(
      'rmsNormBackward',
      { dy, dsum },
      { dy: outputs['y']!, ...(outputs['sum'] && { dsum: outputs['sum'] }) },
    );
    return { outputs: gradientsOf(forward), inout: [], sizes };
  },

  tolerance(dtype, output, sizes) {
    const base = rmsNorm.tolerance(dtype, 'y', sizes);
    const summed = output === 'dweight' ? (sizes['R'] ?? 1) : 1;
    return { rtol: base.rtol * 4, atol: base.atol * 4 + (dtype === 'f64' ? 0 : summed * 2 ** -22) };
  },

  example(dtype, shape) {
    const { inputs, options } = rmsNorm.example(dtype, shape);
    return { inputs: { ...inputs, dy: inputs['x']! }, options };
  },
};
