import type { FloatDType } from '../dtype.ts';
import type { FloatOf, Tensor } from '../tensor.ts';
import { Checker, dense } from './check.ts';
import type { OpDefinition } from './op.ts';
import { integerOption, numberOption } from './option.ts';
import { pointwiseTolerance } from './tolerance.ts';

/**
 * Root mean square normalisation of the last axis (Zhang & Sennrich 2019), with what stands beside it in
 * every block fused in:
 *
 *     x = x + residual;  x = x * silu(gate);  y = x / sqrt(mean(x^2) + eps) * weight
 *
 * The mean is over the last axis, or over each of `groups` equal parts of it.
 */
export interface RmsNormArgs {
  /** (..., K); its dtype is that of y */
  readonly x: Tensor;
  /** (K); ones when absent */
  readonly weight?: Tensor | undefined;
  /** (..., K), added first; the sum is returned. f32 residuals may go with narrower x */
  readonly residual?: Tensor | undefined;
  /** (..., K), applied before the normalisation; dtype of x */
  readonly gate?: Tensor | undefined;
  /** default 1e-5 */
  readonly eps?: number | undefined;
  /** default 1 */
  readonly groups?: number | undefined;
}

export interface RmsNormResult<
  Residual extends Tensor | undefined,
  X extends FloatDType = FloatDType,
> extends Disposable {
  /** (..., K) */
  readonly y: Tensor<X>;
  /** (..., K) x + residual in the residual's dtype, when a residual was given */
  readonly sum: Residual extends Tensor ? Tensor<FloatOf<Residual>> : undefined;
}

export const rmsNorm: OpDefinition = {
  name: 'rmsNorm',
  required: ['x'],
  optional: ['weight', 'residual', 'gate'],
  options: {
    eps: numberOption('a positive number', (eps) => eps > 0, 1e-5),
    groups: integerOption('a positive integer', 1, 1),
  },
  gradient: {
    op: 'rmsNormBackward',
    cotangents: { x: 'dx', weight: 'dweight', residual: 'dresidual', gate: 'dgate' },
  },

  infer(inputs, options, op = 'rmsNorm') {
    const check = new Checker(op, inputs);
    const x = inputs['x']!;
    const rows = x.shape.slice(0, -1);
    check.shape('x', [...rows, 'K']);
    check.shape('weight', ['K']);
    check.shape('residual', [...rows, 'K']);
    check.shape('gate', [...rows, 'K']);
    check.float('x', 'weight');
    check.sameDType('x', 'gate');
    check.dtype('residual', [x.dtype, 'f32']);
    check.positive('K');
    check.sizes['G'] = options['groups'] as number;
    check.groups('K', 'G');
    check.sizes['R'] = rows.reduce((a, b) => a * b, 1);
    const residual = inputs['residual'];
    return {
      outputs: { y: dense(x.dtype, x.shape), ...(residual && { sum: dense(residual.dtype, x.shape) }) },
      inout: [],
      sizes: check.sizes,
    };
  },

  tolerance(dtype, _output, sizes) {
    const base = pointwiseTolerance(dtype);
    return dtype === 'f64'
      ? base
      : { rtol: base.rtol + Math.sqrt(sizes['K'] ?? 1) * 2 ** -24, atol: base.atol };
  },

  example(dtype, shape) {
    return { inputs: { x: dense(dtype, shape.length === 0 ? [1] : shape) }, options: {} };
  },
};
