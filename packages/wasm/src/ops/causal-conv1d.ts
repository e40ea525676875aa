import type { OpCall } from '@ss/core';
import { convArgs, CONV_UNIT } from '../kernels/layout.generated.ts';
import { codeOf, fields, roundUp } from './argument.ts';
import type { KernelOp, Work } from './kernel-op.ts';
import { floats, narrowFloats, unsupported } from './refusal.ts';
import { sequenceArguments, sequenceCount, sequenceFault, sequenceFields } from './sequences.ts';

/** Time steps and channels worked on together: their scratch stays in a second-level cache. */
const mostSteps = 32;
const mostChannels = 1536;

const dtypes = {
  '*': narrowFloats,
  weight: floats,
  bias: floats,
  cuSeqlens: ['i32'],
  stateIndices: ['i32'],
} as const;

interface Sizes {
  readonly L?: number;
  readonly D: number;
  readonly W: number;
}

/** (B, L, D), or with `update` one step of (B, D). */
function convolution({ update }: { readonly update: boolean }): KernelOp {
  const btd = update ? { B: 0, T: undefined, D: 1 } : { B: 0, T: 1, D: 2 };
  const bwd = { B: 0, W: 1, D: 2 } as const;
  return {
    assess(call, { threads }) {
      const refused = unsupported(call, dtypes);
      if (refused) return refused;
      return {
        ok: true,
        numerics: 'bitwise',
        contiguous: sequenceArguments,
        scratchBytes: threads * extent(call).scratchBytes,
      };
    },

    works(call) {
      const { L = 1, D, W } = call.sizes as unknown as Sizes;
      const { inputs, outputs, options } = call;
      const { span, tile, scratchBytes } = extent(call);
      const before = inputs['initialState'] ?? inputs['state'];
      const after = outputs['finalState'] ?? inputs['state'];
      const work: Work<typeof convArgs> = {
        kernel: 'causalConv1d',
        layout: convArgs,
        units: sequenceCount(call) * Math.ceil(D / CONV_UNIT),
        scratchBytes,
        cost: call.sizes['B']! * L * D * (W + 4),
        fault: sequenceFault(call),
        values: {
          ...sequenceFields(call),
          L,
          D,
          W,
          silu: options['activation'] === 'silu' ? 1 : 0,
          reverse: options['reverse'] ? 1 : 0,
          span,
          tile,
          dtype: codeOf(inputs['x']),
          ...fields(inputs['x'], ['x', 'x'], btd),
          ...fields(outputs['y'], ['y', 'y'], btd),
          ...fields(inputs['weight'], ['weight', 'weight'], { D: 0, W: 1 }),
          weightType: codeOf(inputs['weight']),
          ...fields(inputs['bias'], ['bias', 'bias'], { D: 0 }),
          biasType: codeOf(inputs['bias']),
          ...fields(before, ['h0', 'h0'], bwd),
          h0Type: codeOf(before),
          h1BySlot: inputs['state'] ? 1 : 0,
          ...fields(after, ['h1', 'h1'], bwd),
          h1Type: codeOf(after),
        },
      };
      return [work];
    },
  };
}

export const causalConv1d: KernelOp = convolution({ update: false });
export const causalConv1dUpdate: KernelOp = convolution({ update: true });

/** How the kernel cuts the work up, and the scratch it then needs; the layout is in `assembly/conv.ts`. */
function extent({ sizes }: Pick<OpCall, 'sizes'>): { span: number; tile: number; scratchBytes: number } {
  const { L = 1, D, W } = sizes as unknown as Sizes;
  const tile = Math.min(mostSteps, L);
  const span = Math.min(mostChannels, roundUp(D, CONV_UNIT));
  return { span, tile, scratchBytes: roundUp(4 * span * (2 * W + tile + 1)) };
}
