import type { TensorSpec } from '../backend.ts';
import { isDType, isFloat } from '../dtype.ts';
import type { DType, FloatDType } from '../dtype.ts';
import { elementCount } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { Checker, dense } from './check.ts';
import type { OpDefinition } from './op.ts';
import { exactTolerance, pointwiseTolerance } from './tolerance.ts';

/** Rows of a (possibly packed) weight by id. */
export interface EmbeddingArgs<To extends FloatDType = FloatDType> {
  /** (...), i32, each in [0, V) */
  readonly ids: Tensor;
  /** (V, K), any real dtype, or a packed weight */
  readonly weight: Tensor;
  /** dtype of the result; default f32 */
  readonly dtype?: To | undefined;
}

export const embedding: OpDefinition = {
  name: 'embedding',
  required: ['ids', 'weight'],
  optional: [],
  options: {
    dtype: {
      wanted: 'a floating-point dtype',
      accepts: (value) => isDType(value) && isFloat(value),
      default: 'f32',
    },
  },
  result: 'y',
  gradient: {
    op: 'embeddingBackward',
    inputs: ['ids'],
    options: ({ weight }) => ({ rows: (weight as TensorSpec).shape[0] }),
    cotangents: { weight: 'dweight' },
  },
  packed: ['weight'],

  infer(inputs, options) {
    const check = new Checker('embedding', inputs);
    const ids = inputs['ids']!;
    check.dtype('ids', ['i32']);
    check.shape('weight', ['V', 'K']);
    check.float('weight');
    check.positive('V', 'K');
    check.sizes['R'] = elementCount(ids.shape);
    return {
      outputs: { y: dense(options['dtype'] as DType, [...ids.shape, check.sizes['K']!]) },
      inout: [],
      sizes: check.sizes,
    };
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
