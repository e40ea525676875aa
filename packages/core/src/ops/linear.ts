import type { DType } from '../dtype.ts';
import type { Tensor } from '../tensor.ts';
import { Checker, dense } from './check.ts';
import type { OpDefinition } from './op.ts';
import { dotTolerance } from './tolerance.ts';

/** y = x weight^T + bias + residual, accumulated in f32 at least. */
export interface LinearArgs<X extends DType = DType> {
  /** (..., K); its dtype is that of y */
  readonly x: Tensor<X>;
  /** (M, K), any real dtype, or a packed weight */
  readonly weight: Tensor;
  /** (M) */
  readonly bias?: Tensor | undefined;
  /** (..., M), added to the result; dtype of x */
  readonly residual?: Tensor | undefined;
}

export const linear: OpDefinition = {
  name: 'linear',
  required: ['x', 'weight'],
  optional: ['bias', 'residual'],
  options: {},
  result: 'y',
  gradient: {
    op: 'linearBackward',
    inputs: ['x', 'weight'],
    options: ({ bias }) => ({ bias: bias !== undefined }),
    cotangents: { x: 'dx', weight: 'dweight', bias: 'dbias', residual: 'dy' },
  },
  packed: ['weight'],

  infer(inputs, _options, op = 'linear') {
    const check = new Checker(op, inputs);
    const x = inputs['x']!;
    const leading = x.shape.slice(0, -1);
    check.shape('x', [...leading, 'K']);
    check.shape('weight', ['M', 'K']);
    check.shape('bias', ['M']);
    check.shape('residual', [...leading, 'M']);
    check.float('x', 'weight', 'bias');
    check.sameDType('x', 'residual');
    const M = check.sizes['M']!;
    check.sizes['R'] = leading.reduce((a, b) => a * b, 1);
    check.positive('K', 'M', 'R');
    return { outputs: { y: dense(x.dtype, [...leading, M]) }, inout: [], sizes: check.sizes };
  },

  tolerance: (dtype, _output, sizes) => dotTolerance(dtype, sizes),

  example(dtype, shape) {
    const K = shape.at(-1) ?? 1;
    return {
      inputs: { x: dense(dtype, shape.length === 0 ? [1] : shape), weight: dense(dtype, [K, K]) },
      options: {},
    };
  },
};
