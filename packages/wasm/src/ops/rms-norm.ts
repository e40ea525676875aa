import { rowStride } from '@ss/core';
import { normArgs } from '../kernels/layout.generated.ts';
import { codeOf, roundUp } from './argument.ts';
import type { KernelOp, Work } from './kernel-op.ts';
import { floats, narrowFloats, unsupported } from './refusal.ts';
import { rowFields } from './rows.ts';

export const rmsNorm: KernelOp = {
  assess(call, { threads }) {
    const refused = unsupported(call, { '*': narrowFloats, weight: floats });
    if (refused) return refused;
    const scattered = ['x', 'residual', 'gate'].filter(
      (name) => call.inputs[name] && rowStride(call.inputs[name]) === undefined,
    );
    return {
      ok: true,
      numerics: 'bitwise',
      contiguous: scattered,
      scratchBytes: threads * scratch(call.sizes['K']!),
    };
  },

  works({ inputs, outputs, options, sizes }) {
    const { R, K, G } = sizes as { R: number; K: number; G: number };
    const work: Work<typeof normArgs> = {
      kernel: 'rmsNorm',
      layout: normArgs,
      units: R,
      scratchBytes: scratch(K),
      cost: 8 * R * K,
      values: {
        K,
        groups: G,
        eps: options['eps'] as number,
        dtype: codeOf(inputs['x']),
        ...rowFields(inputs['x'], 'x'),
        weight: rowFields(inputs['weight'], 'weight').weight,
        weightK: rowFields(inputs['weight'], 'weight').weightK,
        weightType: codeOf(inputs['weight']),
        sumType: codeOf(inputs['residual']),
        ...rowFields(inputs['residual'], 'residual'),
        ...rowFields(outputs['sum'], 'sum'),
        ...rowFields(inputs['gate'], 'gate'),
        ...rowFields(outputs['y'], 'y'),
      },
    };
    return [work];
  },
};

/** Four rows, each a whole number of vectors; `assembly/norm.ts`. */
function scratch(K: number): number {
  return roundUp(4 * 4 * roundUp(K, 4));
}
