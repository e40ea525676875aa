import { isDType } from '../dtype.ts';
import type { DType } from '../dtype.ts';
import { elementCount } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { Checker, dense } from './check.ts';
import type { OpDefinition, OpName } from './op.ts';
import { exactTolerance, pointwiseTolerance } from './tolerance.ts';

/**
 * A dense copy of any view, cast to `dtype` with one rounding (to nearest, ties to even; towards zero and into
 * the range of an integer dtype, NaN to 0); or, with `to`, a copy into state.
 */
export interface CopyArgs<X extends DType = DType, To extends DType = DType> {
  readonly x: Tensor<X>;
  /** default: the dtype of x */
  readonly dtype?: To | undefined;
  /** a view of `engine.state()` memory with x's shape, overwritten */
  readonly to?: Tensor | undefined;
}

/** a + b in a's dtype. */
export interface AddArgs<A extends DType = DType> {
  readonly a: Tensor<A>;
  /** same shape and dtype */
  readonly b: Tensor;
}

/** x * sigmoid(x), or log(1 + exp(x)); both 0 at minus infinity. */
export interface UnaryArgs<X extends DType = DType> {
  readonly x: Tensor<X>;
}

export const copy: OpDefinition = {
  name: 'copy',
  required: ['x'],
  optional: ['to'],
  // Absent, it is x's.
  options: { dtype: { wanted: 'a dtype', accepts: isDType } },
  result: 'y',

  infer(inputs, options) {
    const check = new Checker('copy', inputs);
    const x = inputs['x']!;
    const to = inputs['to'];
    check.shape('to', x.shape);
    const dtype = to?.dtype ?? (options['dtype'] as DType | undefined) ?? x.dtype;
    if ((dtype === 'complex64') !== (x.dtype === 'complex64')) {
      throw check.error('dtype-unsupported', `${x.dtype} cannot be cast to ${dtype}.`);
    }
    const sizes = { E: elementCount(x.shape) };
    if (to) return { outputs: {}, inout: ['to'], sizes };
    return { outputs: { y: dense(dtype, x.shape) }, inout: [], sizes };
  },

  tolerance: exactTolerance,
  example: (dtype, shape) => ({ inputs: { x: dense(dtype, shape) }, options: {} }),
};

export const add: OpDefinition = {
  name: 'add',
  required: ['a', 'b'],
  optional: [],
  options: {},
  result: 'y',

  infer(inputs) {
    const check = new Checker('add', inputs);
    const a = inputs['a']!;
    check.shape('b', a.shape);
    check.float('a');
    check.sameDType('a', 'b');
    return { outputs: { y: dense(a.dtype, a.shape) }, inout: [], sizes: { E: elementCount(a.shape) } };
  },

  tolerance: pointwiseTolerance,
  example: (dtype, shape) => ({ inputs: { a: dense(dtype, shape), b: dense(dtype, shape) }, options: {} }),
};

function unary(name: OpName): OpDefinition {
  return {
    name,
    required: ['x'],
    optional: [],
    options: {},
    result: 'y',
    infer(inputs) {
      const x = inputs['x']!;
      new Checker(name, inputs).float('x');
      return { outputs: { y: dense(x.dtype, x.shape) }, inout: [], sizes: { E: elementCount(x.shape) } };
    },
    tolerance: pointwiseTolerance,
    example: (dtype, shape) => ({ inputs: { x: dense(dtype, shape) }, options: {} }),
  };
}

export const silu: OpDefinition = unary('silu');
export const softplus: OpDefinition = unary('softplus');
