import { rowStride } from '@ss/core';
import type { OpCall } from '@ss/core';
import { normBackwardArgs } from '../kernels/layout.generated.ts';
import { code, fields, roundUp } from './argument.ts';
import type { KernelOp, Work } from './kernel-op.ts';
import { mostSlices, partBytes, sumParts } from './parts.ts';
import { unsupported } from './refusal.ts';
import { rowFields } from './rows.ts';

const real = ['f32', 'f16', 'bf16'] as const;
const any = ['f32', 'f16', 'bf16', 'f64'] as const;
const dtypes = { '*': real, weight: any, dweight: any };

export const rmsNormBackward: KernelOp = {
  assess(call, { threads }) {
    const refused = unsupported(call, dtypes);
    if (refused) return refused;
    const { perThread, dweight, flops } = extent(call);
    const rows = ['x', 'dy', 'residual', 'gate', 'dsum'];
    return {
      ok: true,
      numerics: 'tolerance',
      contiguous: rows.filter((name) => call.inputs[name] && rowStride(call.inputs[name]) === undefined),
      scratchBytes: threads * perThread + partBytes(dweight),
      cost: { flops, bytes: 0 },
    };
  },

  works(call, { threads }) {
    const { R, K, G } = call.sizes as { R: number; K: number; G: number };
    const { inputs, outputs, options } = call;
    const { perThread, sliceRows, dweight, flops } = extent(call);
    const parts = { ...dweight, address: call.scratch!.address + threads * perThread };
    const main: Work<typeof normBackwardArgs> = {
      kernel: 'rmsNormBackward',
      layout: normBackwardArgs,
      units: dweight.count,
      scratchBytes: perThread,
      cost: flops,
      values: {
        R,
        K,
        G,
        eps: options['eps'] as number,
        sliceRows,
        dtype: code(inputs['x']!.dtype),
        ...rowFields(inputs['x'], 'x'),
        ...rowFields(inputs['dy'], 'dy'),
        ...fields(inputs['weight'], ['weight', 'weight'], { K: 0 }),
        weightType: code(inputs['weight']?.dtype ?? 'f32'),
        ...rowFields(inputs['residual'], 'residual'),
        residualType: code(inputs['residual']?.dtype ?? 'f32'),
        ...rowFields(inputs['gate'], 'gate'),
        ...rowFields(inputs['dsum'], 'dsum'),
        ...rowFields(outputs['dx'], 'dx'),
        ...rowFields(outputs['dresidual'], 'dresidual'),
        ...rowFields(outputs['dgate'], 'dgate'),
        dweight: outputs['dweight'] ? parts.address : 0,
      },
    };
    return [main, ...(outputs['dweight'] ? [sumParts(outputs['dweight'], parts)] : [])];
  },
};

function extent(call: OpCall) {
  const { R, K } = call.sizes as { R: number; K: number };
  const sliceRows = Math.max(1, Math.ceil(R / mostSlices));
  const count = Math.ceil(R / sliceRows);
  return {
    perThread: roundUp(4 * 7 * roundUp(K, 4) + 64),
    sliceRows,
    dweight: { groups: 1, count, rows: 1, width: K },
    flops: 12 * R * K,
  };
}
