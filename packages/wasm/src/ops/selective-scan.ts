import type { OpCall } from '@ss/core';
import { scanArgs, SCAN_UNIT } from '../kernels/layout.generated.ts';
import { addressOf, code, roundUp, stride } from './argument.ts';
import type { Arg } from './argument.ts';
import { work } from './kernel-op.ts';
import type { KernelOp, Work } from './kernel-op.ts';
import { refuse, unsupported } from './refusal.ts';

/** Time steps and channels that are worked on together: with 16 states their scratch fits a second-level cache. */
const mostSteps = 32;
const mostChannels = 1536;

const real = ['f32', 'f16', 'bf16'] as const;
const wide = ['f32', 'f16', 'bf16', 'f64'] as const;

interface Sizes {
  readonly B: number;
  readonly L: number;
  readonly D: number;
  readonly N: number;
  readonly G: number;
}

export const selectiveScan: KernelOp = {
  assess(call, { threads }) {
    if (call.inputs['cuSeqlens'] ?? call.inputs['stateIndices'])
      return refuse({
        code: 'packed-unsupported',
        message: 'wasm has no packed sequences or state slots',
        origin: 'request',
        fix: 'Scan the sequences one by one.',
      });
    const allowed = { '*': real, A: wide, B: wide, C: wide, D: wide, deltaBias: wide } as const;
    const refused = unsupported(call, { ...allowed, initialState: ['f32'], state: ['f32'], finalState: ['f32'] });
    if (refused) return refused;
    const { B, L, D, N } = call.sizes as unknown as Sizes;
    return {
      ok: true,
      numerics: 'bitwise',
      scratchBytes: threads * scratchBytes(call),
      cost: { flops: 8 * B * L * D * N, bytes: 0 },
    };
  },

  works(call) {
    const { B, L, D, N, G } = call.sizes as unknown as Sizes;
    const { inputs, outputs, options } = call;
    const reverse = options['reverse'] === true;
    const time = (arg: Arg | undefined, axis: number): { at: number; step: number } => {
      if (arg === undefined) return { at: 0, step: 0 };
      const step = stride(arg, axis);
      return reverse ? { at: addressOf(arg) + (L - 1) * step, step: -step } : { at: addressOf(arg), step };
    };
    const sequence = (name: string, arg: Arg | undefined): object => {
      const { at, step } = time(arg, 1);
      const [b, p] = arg ? [stride(arg, 0), stride(arg, 2)] : [0, 0];
      return { [name]: at, [`${name}B`]: b, [`${name}T`]: step, [`${name}H`]: 0, [`${name}P`]: p };
    };
    // One group of channels is one head, which makes the head the index of its row of B and C.
    const P = D / G;
    return [
      work<typeof scanArgs>({
        kernel: 'selectiveScan',
        layout: scanArgs,
        units: B * G * Math.ceil(P / SCAN_UNIT),
        scratchBytes: scratchBytes(call),
        cost: 8 * B * L * D * N,
        values: {
          B, L, H: G, P, N,
        } as never,
      }),
    ];
  },
};
