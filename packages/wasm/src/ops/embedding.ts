import { embeddingArgs } from '../kernels/layout.generated.ts';
import { addressOf, code, fields, roundUp } from './argument.ts';
import type { Arg } from './argument.ts';
import type { KernelOp, Work } from './kernel-op.ts';
import { refuseFormat, storedAs } from './linear.ts';
import { floats, narrowFloats, unsupported } from './refusal.ts';
import { rowFields } from './rows.ts';

export const embedding: KernelOp = {
  assess(call, { threads }) {
    const refused =
      unsupported(call, { ids: ['i32'], weight: floats, '*': narrowFloats }) ?? refuseFormat(call);
    if (refused) return refused;
    return {
      ok: true,
      numerics: 'bitwise',
      contiguous: ['ids'],
      scratchBytes: threads * roundUp(4 * call.sizes['K']!),
    };
  },

  works({ inputs, outputs, sizes }) {
    const { R, V, K } = sizes as { R: number; V: number; K: number };
    const { ids, weight } = inputs as { ids: Arg; weight: Arg };
    const { y, yR } = rowFields(outputs['y']!, 'y');
    const work: Work<typeof embeddingArgs> = {
      kernel: 'embedding',
      layout: embeddingArgs,
      units: R,
      scratchBytes: roundUp(4 * K),
      cost: R * K,
      fault: (status) => `the id at position ${status - 1} is outside [0, ${V})`,
      values: {
        R,
        K,
        V,
        ids: addressOf(ids),
        idsR: 4,
        weightType: code(storedAs(weight)!),
        packed: weight.format === undefined ? 0 : 1,
        ...fields(weight, ['weight', 'weight'], { V: 0, K: 1 }),
        dtype: code(outputs['y']!.dtype),
        y,
        yR,
      },
    };
    return [work];
  },
};
