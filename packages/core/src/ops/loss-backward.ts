import type { DType } from '../dtype.ts';
import type { Tensor } from '../tensor.ts';
import { checkCotangents, Checker, dense } from './check.ts';
import { embedding } from './embedding.ts';
import { crossEntropy } from './logits.ts';
import type { OpDefinition } from './op.ts';
import { integerOption } from './option.ts';
import { dotTolerance } from './tolerance.ts';

/** dlogits = (softmax(logits) - onehot(target)) * dloss; zero rows for negative targets. */
export interface CrossEntropyBackwardArgs<X extends DType = DType> {
  /** (R, V) */
  readonly logits: Tensor<X>;
  /** (R) i32 */
  readonly targets: Tensor;
  /** (R) cotangent of the loss, in its dtype */
  readonly dloss: Tensor;
}

/** The rows of dy summed into the rows that were looked up, in the order of ids. */
export interface EmbeddingBackwardArgs<Y extends DType = DType> {
  /** (...) i32 */
  readonly ids: Tensor;
  /** (..., K) cotangent of the result */
  readonly dy: Tensor<Y>;
  /** V: rows of the weight */
  readonly rows: number;
}

export const crossEntropyBackward: OpDefinition = {
  name: 'crossEntropyBackward',
  required: ['logits', 'targets', 'dloss'],
  optional: [],
  options: {},
  result: 'dlogits',
  infer({ dloss, ...forward }) {
    const { sizes, outputs } = crossEntropy.infer(forward, {}, 'crossEntropyBackward');
    checkCotangents('crossEntropyBackward', { dloss }, { dloss: outputs['loss']! });
    const logits = forward['logits']!;
    return { outputs: { dlogits: dense(logits.dtype, logits.shape) }, inout: [], sizes };
  },
  tolerance: crossEntropy.tolerance,
  example(dtype, shape) {
    const { inputs, options } = crossEntropy.example(dtype, shape);
    return {
      inputs: { ...inputs, dloss: dense(dtype === 'f64' ? 'f64' : 'f32', inputs['targets']!.shape) },
      options,
    };
  },
};

export const embeddingBackward: OpDefinition = {
  name: 'embeddingBackward',
  required: ['ids', 'dy'],
  optional: [],
  options: {
    rows: { ...integerOption('a positive integer, the extent V of the weight,', 1), required: true },
  },
  result: 'dweight',
  infer({ ids, dy }, options) {
    const check = new Checker('embeddingBackward', { ids: ids!, dy: dy! });
    check.dtype('ids', ['i32']);
    check.float('dy');
    check.shape('dy', [...ids!.shape, 'K']);
    check.positive('K');
    const rows = options['rows'] as number;
    const K = check.sizes['K']!;
    const wide = dy!.dtype === 'f64' ? 'f64' : 'f32';
    const R = ids!.shape.reduce((a, b) => a * b, 1);
    return {
      outputs: { dweight: dense(wide, [rows, K]) },
      inout: [],
      sizes: { K, V: rows, R },
    };
  },
  tolerance: (dtype, _output, sizes) => dotTolerance(dtype === 'f64' ? 'f64' : 'f32', { K: sizes['R'] ?? 1 }),
  example(dtype, shape) {
    const { inputs } = embedding.example(dtype, shape);
    const ids = inputs['ids']!;
    return { inputs: { ids, dy: dense(dtype, [...ids.shape, shape.at(-1) ?? 1]) }, options: { rows: 1024 } };
  },
};
