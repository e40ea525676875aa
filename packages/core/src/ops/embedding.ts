import { isDType, isFloat } from '../dtype.ts';
import type { DType, FloatDType } from '../dtype.ts';
import { elementCount } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { Checker, checkOption, dense } from './check.ts';
import type { OpDefinition } from './op.ts';
import { exactTolerance, pointwiseTolerance } from './tolerance.ts';

/** Rows of a (possibly packed) weight by id. */
export interface EmbeddingArgs {
  /** (...), i32, each in [0, V) */
  readonly ids: Tensor;
  /** (V, K), any real dtype, or a packed weight */
  readonly weight: Tensor;
  /** dtype of the result; default f32 */
  readonly dtype?: FloatDType | undefined;
}

export const embedding: OpDefinition = {
  name: 'embedding',
  required: ['ids', 'weight'],
  optional: [],
  options: ['dtype'],
  packed: ['weight'],

  infer(inputs, options) {
    const check = new Checker('embedding', inputs);
    const ids = inputs['ids']!;
    check.dtype('ids', ['i32']);
    check.shape('weight', ['V', 'K']);
    check.float('weight');
    check.positive('V', 'K');
    checkOption(
      'embedding',
      options,
      'dtype',
      'a floating-point dtype',
      (value) => isDType(value) && isFloat(value),
    );
    const dtype = (options['dtype'] as DType | undefined) ?? 'f32';
    check.sizes['R'] = elementCount(ids.shape);
    return { outputs: { y: dense(dtype, [...ids.shape, check.sizes['K']!]) }, inout: [], sizes: check.sizes };
  },

  tolerance: (dtype) => (dtype === 'f64' || dtype === 'f32' ? exactTolerance() : pointwiseTolerance(dtype)),

  example(dtype, shape) {
    const K = shape.at(-1) ?? 1;
    return {
      inputs: { ids: dense('i32', shape.slice(0, -1)), weight: dense(dtype, [1024, K]) },
      options: {},
    };
  },
};
