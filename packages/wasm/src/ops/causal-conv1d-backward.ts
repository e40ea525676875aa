import type { OpCall } from '@ss/core';
import { convBackwardArgs } from '../kernels/layout.generated.ts';
import { code, fields, roundUp } from './argument.ts';
import type { KernelOp, Work } from './kernel-op.ts';
import { partBytes, slotPartBytes, slotParts, sumParts, sumSlots } from './parts.ts';
import { narrowFloats, unsupported } from './refusal.ts';
import { sequenceArguments, sequenceCount, sequenceFault, sequenceFields } from './sequences.ts';

/** Channels of a unit; `assembly/conv-backward.ts`. */
const block = 8;

const index = ['i32'] as const;
/** Gradients have their input's dtype, and f64 would promise more than sums in f32 can hold. */
const dtypes = { '*': narrowFloats, cuSeqlens: index, stateIndices: index };

interface Sizes {
  readonly B: number;
  readonly L: number;
  readonly D: number;
  readonly W: number;
}

export const causalConv1dBackward: KernelOp = {
  assess(call, { threads }) {
    const refused = unsupported(call, dtypes);
    if (refused) return refused;
    const { perThread, dweight, dbias, flops } = extent(call);
    return {
      ok: true,
      numerics: 'tolerance',
      contiguous: sequenceArguments,
      scratchBytes:
        threads * perThread + roundUp(partBytes(dweight)) + roundUp(partBytes(dbias)) + slotPartBytes(call),
      cost: { flops, bytes: 0 },
    };
  },

  works(call, { threads }) {
    const { L, D, W } = call.sizes as unknown as Sizes;
    const { inputs, outputs, options } = call;
    const { perThread, dweight, dbias, flops } = extent(call);
    const weights = { ...dweight, address: call.scratch!.address + threads * perThread };
    const biases = { ...dbias, address: weights.address + roundUp(partBytes(dweight)) };
    const pool = inputs['stateIndices'] && outputs['dinitialState'];
    const ofStates = pool && slotParts(pool, sequenceCount(call), biases.address + roundUp(partBytes(dbias)));
    const dinitialState = ofStates ?? outputs['dinitialState'];
    const btd = { B: 0, T: 1, D: 2 } as const;
    const bwd = { B: 0, W: 1, D: 2 } as const;
    const main: Work<typeof convBackwardArgs> = {
      kernel: 'causalConv1dBackward',
      layout: convBackwardArgs,
      units: sequenceCount(call) * Math.ceil(D / block),
      scratchBytes: perThread,
      cost: flops,
      fault: sequenceFault(call),
      values: {
        L,
        D,
        W,
        silu: options['activation'] === 'silu' ? 1 : 0,
        reverse: options['reverse'] ? 1 : 0,
        ...sequenceFields(call),
        dtype: code(inputs['x']!.dtype),
        ...fields(inputs['x'], ['x', 'x'], btd),
        ...fields(inputs['dy'], ['dy', 'dy'], btd),
        ...fields(outputs['dx'], ['dx', 'dx'], btd),
        ...fields(inputs['weight'], ['weight', 'weight'], { D: 0, W: 1 }),
        weightType: code(inputs['weight']!.dtype),
        ...fields(inputs['bias'], ['bias', 'bias'], { D: 0 }),
        biasType: code(inputs['bias']?.dtype ?? 'f32'),
        ...fields(inputs['initialState'], ['h0', 'h0'], bwd),
        h0Type: code(inputs['initialState']?.dtype ?? 'f32'),
        ...fields(dinitialState, ['dh0', 'dh0'], bwd),
        dh0Type: code(dinitialState?.dtype ?? 'f32'),
        ...fields(inputs['dfinalState'], ['dh1', 'dh1'], bwd),
        dh1Type: code(inputs['dfinalState']?.dtype ?? 'f32'),
        dweight: weights.address,
        dbias: outputs['dbias'] ? biases.address : 0,
      },
    };
    return [
      main,
      sumParts(outputs['dweight']!, weights),
      ...(outputs['dbias'] ? [sumParts(outputs['dbias'], biases)] : []),
      ...(pool && ofStates ? [sumSlots(pool, ofStates, inputs['stateIndices']!)] : []),
    ];
  },
};

function extent(call: OpCall) {
  const { B, L, D, W } = call.sizes as unknown as Sizes;
  const S = sequenceCount(call);
  return {
    perThread: roundUp(4 * block * (4 * W + 3)),
    dweight: { groups: 1, count: S, rows: D, width: W },
    dbias: { groups: 1, count: S, rows: 1, width: D },
    flops: 6 * B * L * D * W,
  };
}
