import type { AllowedDTypes, OpCall } from '@ss/core';
import { grouped, unsqueezed } from './argument.ts';
import type { Arg } from './argument.ts';
import type { KernelOp } from './kernel-op.ts';
import { floats, narrowFloats, unsupported } from './refusal.ts';
import { scanCost, scanWork } from './scan-work.ts';
import type { ScanExtents } from './scan-work.ts';
import { sequenceArguments } from './sequences.ts';

const dtypes: AllowedDTypes = {
  '*': narrowFloats,
  A: floats,
  D: floats,
  dtBias: floats,
  state: ['f32'],
  stateIndices: ['i32'],
};

/** A scan of one step: the same kernel, hence the same bits. */
export const selectiveStateUpdate: KernelOp = {
  assess(call, { threads }) {
    const refused = unsupported(call, dtypes);
    if (refused) return refused;
    const { scratchBytes, flops } = scanCost(extents(call));
    return {
      ok: true,
      numerics: 'bitwise',
      scratchBytes: threads * scratchBytes,
      contiguous: sequenceArguments,
      cost: { flops, bytes: 0 },
    };
  },

  works(call) {
    const { inputs, outputs } = call;
    const { H } = extents(call);
    // Without heads, the channels of one group are one head to the kernel.
    const channels = <A extends Arg | undefined>(arg: A, axis: number): A =>
      hasHeads(call) ? arg : grouped(arg, axis, H);
    const step = <A extends Arg | undefined>(arg: A): A => unsqueezed(channels(arg, 1), 1);
    const projection = (arg: Arg): Arg => unsqueezed(arg.shape.length === 2 ? unsqueezed(arg, 1) : arg, 1);
    const state = channels(inputs['state']!, 1);
    return [
      scanWork(call, extents(call), {
        u: step(inputs['x']!),
        delta: step(inputs['dt']!),
        z: step(inputs['z']),
        y: step(outputs['y']!),
        A: channels(inputs['A']!, 0),
        B: projection(inputs['B']!),
        C: projection(inputs['C']!),
        BVaries: true,
        CVaries: true,
        D: channels(inputs['D'], 0),
        bias: channels(inputs['dtBias'], 0),
        h0: state,
        h1: state,
        headsPerGroup: H / call.sizes['G']!,
      }),
    ];
  },
};

function hasHeads({ inputs }: OpCall): boolean {
  return inputs['x']!.shape.length === 3;
}

function extents(call: OpCall): ScanExtents {
  const { B, D, N, G } = call.sizes as { B: number; D: number; N: number; G: number };
  const { H, P } = hasHeads(call) ? (call.sizes as { H: number; P: number }) : { H: G, P: D / G };
  return { sequences: B, L: 1, H, P, N, constants: 0 };
}
