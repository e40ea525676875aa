import { rowStride } from '@ss/core';
import { crossEntropyBackwardArgs, embeddingBackwardArgs } from '../kernels/layout.generated.ts';
import { addressOf, code, fields, roundUp } from './argument.ts';
import type { KernelOp, Work } from './kernel-op.ts';
import { unsupported } from './refusal.ts';
import { rowFields } from './rows.ts';

const real = ['f32', 'f16', 'bf16'] as const;
const index = ['i32'] as const;
/** Columns of a unit; `assembly/loss-backward.ts`. */
const columns = 64;

export const crossEntropyBackward: KernelOp = {
  assess(call, { threads }) {
    const refused = unsupported(call, { '*': real, targets: index, dloss: ['f32'] });
    if (refused) return refused;
    return { ok: true, numerics: 'bitwise', scratchBytes: threads * rowBytes(call.sizes['V']!) };
  },

  works(call) {
    const { R, V } = call.sizes as { R: number; V: number };
    const { inputs, outputs } = call;
    const rv = { R: 0, V: 1 } as const;
    const work: Work<typeof crossEntropyBackwardArgs> = {
      kernel: 'crossEntropyBackward',
      layout: crossEntropyBackwardArgs,
      units: R,
      scratchBytes: rowBytes(V),
      cost: 20 * R * V,
      fault: (status) => `row ${status - 1} of targets holds an id of ${V} or more`,
      values: {
        V,
        dtype: code(inputs['logits']!.dtype),
        ...fields(inputs['logits'], ['logits', 'logits'], rv),
        ...fields(inputs['targets'], ['targets', 'targets'], { R: 0 }),
        ...fields(inputs['dloss'], ['dloss', 'dloss'], { R: 0 }),
        ...fields(outputs['dlogits'], ['dlogits', 'dlogits'], rv),
      },
    };
    return [work];
  },
};

export const embeddingBackward: KernelOp = {
  assess(call, { threads }) {
    const refused = unsupported(call, { '*': real, ids: index });
    if (refused) return refused;
    const { dy } = call.inputs;
    return {
      ok: true,
      numerics: 'bitwise',
      contiguous: rowStride(dy!) === undefined ? ['ids', 'dy'] : ['ids'],
      scratchBytes: threads * roundUp(4 * columns),
    };
  },

  works(call) {
    const { R, V, K } = call.sizes as { R: number; V: number; K: number };
    const { ids, dy } = call.inputs;
    const work: Work<typeof embeddingBackwardArgs> = {
      kernel: 'embeddingBackward',
      layout: embeddingBackwardArgs,
      units: Math.ceil(K / columns),
      scratchBytes: roundUp(4 * columns),
      cost: (R + V) * K,
      fault: (status) => `the id at position ${status - 1} is outside [0, ${V})`,
      values: {
        R,
        V,
        K,
        dtype: code(dy!.dtype),
        ids: addressOf(ids!),
        ...rowFields(dy, 'dy'),
        dweight: addressOf(call.outputs['dweight']!),
      },
    };
    return [work];
  },
};

function rowBytes(V: number): number {
  return roundUp(4 * roundUp(V, 4));
}
