import type { DType } from '../dtype.ts';
import type { Tensor } from '../tensor.ts';
import { Checker, dense } from './check.ts';
import type { Inferred, OpDefinition, OpName, Specs } from './op.ts';
import { integerOption, numberOption } from './option.ts';
import type { Options } from './option.ts';
import { exactTolerance, pointwiseTolerance } from './tolerance.ts';

/**
 * -log softmax(logits)[target] per row, in f32 (f64 for f64 logits). A row that is no distribution, with NaN, with infinity, or
 * with nothing but minus infinity, has the loss NaN, and a gradient of NaN.
 */
export interface CrossEntropyArgs<X extends DType = DType> {
  /** (R, V) */
  readonly logits: Tensor<X>;
  /** (R) i32 in [0, V); a negative target gives loss 0 */
  readonly targets: Tensor;
}

/** The id of the largest logit per row, the lowest among equals; -1 where a logit is NaN, which compares with nothing. */
export interface ArgmaxArgs {
  /** (R, V) */
  readonly logits: Tensor;
  /** ids from here on are padding and never chosen; default V */
  readonly vocabulary?: number | undefined;
}

/**
 * Draws one id per row. In order: repetition penalty (Keskar et al. 2019), temperature, top-k, top-p
 * (Holtzman et al. 2020), min-p (Nguyen et al. 2024; relative to the largest probability left), then the
 * inverse of the cumulated distribution, most probable first, at `uniform`.
 *
 * A row has a distribution when its softmax has: no logit is NaN, and the largest is finite. A row without one (NaN
 * anywhere, an infinite logit, nothing but -Infinity) draws the id -1 with the log probability NaN.
 */
export interface SampleArgs {
  /** (R, V) */
  readonly logits: Tensor;
  /** (R) f32 in [0, 1) */
  readonly uniform: Tensor;
  /** (R, H) i32 ids that the penalty applies to, once each; negative entries are empty */
  readonly recentIds?: Tensor | undefined;
  /** > 0, or 0 for the largest logit; default 1 */
  readonly temperature?: number | undefined;
  /** keep this many; 0 (default) keeps all */
  readonly topK?: number | undefined;
  /** keep the smallest set that reaches this probability; default 1 */
  readonly topP?: number | undefined;
  /** keep what has at least this share of the largest probability; default 0 */
  readonly minP?: number | undefined;
  /** positive logits of recent ids are divided by it, negative ones multiplied; default 1 */
  readonly repetitionPenalty?: number | undefined;
  /** ids from here on are padding and never chosen; default V */
  readonly vocabulary?: number | undefined;
}

/** The options of {@link SampleArgs} as they reach a backend: all of them. */
export type SampleOptions = {
  readonly [Name in Exclude<keyof SampleArgs, 'logits' | 'uniform' | 'recentIds'>]: number;
};

export interface SampleResult extends Disposable {
  /** (R) i32; -1 where the row has no distribution */
  readonly ids: Tensor<'i32'>;
  /** (R) f32: log softmax of the logits as given (padding left out) at the id drawn; NaN where there is none */
  readonly logProbs: Tensor<'f32'>;
}

export const crossEntropy: OpDefinition = {
  name: 'crossEntropy',
  required: ['logits', 'targets'],
  optional: [],
  options: {},
  result: 'loss',
  gradient: { op: 'crossEntropyBackward', cotangents: { logits: 'dlogits' } },
  infer(inputs, _options, op = 'crossEntropy') {
    const check = new Checker(op, inputs);
    const logits = check.shape('logits', ['R', 'V'])!;
    check.float('logits');
    check.shape('targets', ['R']);
    check.dtype('targets', ['i32']);
    check.positive('V');
    return {
      outputs: { loss: dense(wide(logits.dtype), [check.sizes['R']!]) },
      inout: [],
      sizes: check.sizes,
    };
  },
  tolerance: (dtype) => {
    const base = pointwiseTolerance(dtype);
    return { rtol: base.rtol, atol: base.atol * 4 };
  },
  example: (dtype, shape) => rows(dtype, shape, (r) => ({ targets: dense('i32', [r]) })),
};

/** Absent, all ids are real ones: V. */
const vocabulary = integerOption('a positive integer', 1);

export const argmax: OpDefinition = {
  name: 'argmax',
  required: ['logits'],
  optional: [],
  options: { vocabulary },
  result: 'ids',
  infer(inputs, options) {
    const check = checkLogits('argmax', inputs, options);
    return inferred(check, options, { ids: dense('i32', [check.sizes['R']!]) });
  },
  tolerance: exactTolerance,
  example: (dtype, shape) => rows(dtype, shape, () => ({})),
};

export const sample: OpDefinition = {
  name: 'sample',
  required: ['logits', 'uniform'],
  optional: ['recentIds'],
  options: {
    temperature: numberOption('a number of at least 0', (t) => t >= 0, 1),
    topK: integerOption('an integer of at least 0', 0, 0),
    topP: numberOption('a number in (0, 1]', (p) => p > 0 && p <= 1, 1),
    minP: numberOption('a number in [0, 1)', (p) => p >= 0 && p < 1, 0),
    repetitionPenalty: numberOption('a number above 0', (penalty) => penalty > 0, 1),
    vocabulary,
  },
  infer(inputs, options) {
    const check = checkLogits('sample', inputs, options);
    check.shape('uniform', ['R']);
    check.dtype('uniform', ['f32']);
    check.shape('recentIds', ['R', 'H']);
    check.dtype('recentIds', ['i32']);
    const R = check.sizes['R']!;
    return inferred(check, options, { ids: dense('i32', [R]), logProbs: dense('f32', [R]) });
  },
  tolerance: (_dtype, output) => (output === 'ids' ? exactTolerance() : { rtol: 1e-5, atol: 1e-5 }),
  example: (dtype, shape) => rows(dtype, shape, (r) => ({ uniform: dense('f32', [r]) })),
};

function checkLogits(op: OpName, inputs: Parameters<OpDefinition['infer']>[0], options: Options): Checker {
  const check = new Checker(op, inputs);
  check.shape('logits', ['R', 'V']);
  check.float('logits');
  check.positive('V');
  const V = check.sizes['V']!;
  const given = options['vocabulary'] as number | undefined;
  if (given !== undefined && given > V)
    throw check.error(
      'argument-invalid',
      `vocabulary is ${given} where an integer from 1 to ${V} is wanted.`,
    );
  return check;
}

function inferred({ sizes }: Checker, { vocabulary }: Options, outputs: Specs): Inferred {
  return {
    outputs,
    inout: [],
    sizes,
    ...(vocabulary === undefined && { options: { vocabulary: sizes['V'] } }),
  };
}

function wide(dtype: 'f64' | (string & {})): 'f64' | 'f32' {
  return dtype === 'f64' ? 'f64' : 'f32';
}

function rows(
  dtype: Parameters<OpDefinition['example']>[0],
  shape: readonly number[],
  more: (rows: number) => ReturnType<OpDefinition['example']>['inputs'],
): ReturnType<OpDefinition['example']> {
  const [R = 1, V = 1] = shape;
  return { inputs: { logits: dense(dtype, [R, V]), ...more(R) }, options: {} };
}
