import type { AllowedDTypes, OpCall } from '@ss/core';
import { grouped, unsqueezed } from './argument.ts';
import type { Arg } from './argument.ts';
import type { KernelOp } from './kernel-op.ts';
import { floats, narrowFloats, unsupported } from './refusal.ts';
import { scanCost, scanWork } from './scan-work.ts';
import type { ScanExtents } from './scan-work.ts';
import { sequenceArguments, sequenceCount } from './sequences.ts';

const dtypes: AllowedDTypes = {
  '*': narrowFloats,
  A: floats,
  B: floats,
  C: floats,
  D: floats,
  deltaBias: floats,
  initialState: ['f32'],
  state: ['f32'],
  finalState: ['f32'],
  cuSeqlens: ['i32'],
  stateIndices: ['i32'],
};

export const selectiveScan: KernelOp = {
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
    const G = call.sizes['G']!;
    // Channels of one group are one head to the kernel, so that heads are what rows of B and C belong to.
    const sequence = <A extends Arg | undefined>(arg: A): A => grouped(arg, 2, G);
    const perChannel = <A extends Arg | undefined>(arg: A): A => grouped(arg, 0, G);
    const states = (arg: Arg | undefined): Arg | undefined => grouped(arg, 1, G);
    const projection = (arg: Arg): Arg =>
      arg.shape.length === 2 ? perChannel(arg) : arg.shape.length === 3 ? unsqueezed(arg, 2) : arg;
    return [
      scanWork(call, extents(call), {
        u: sequence(inputs['u']!),
        delta: sequence(inputs['delta']!),
        z: sequence(inputs['z']),
        y: sequence(outputs['y']!),
        A: perChannel(inputs['A']!),
        B: projection(inputs['B']!),
        C: projection(inputs['C']!),
        BVaries: inputs['B']!.shape.length > 2,
        CVaries: inputs['C']!.shape.length > 2,
        D: perChannel(inputs['D']),
        bias: perChannel(inputs['deltaBias']),
        h0: states(inputs['initialState'] ?? inputs['state']),
        h1: states(outputs['finalState'] ?? inputs['state']),
        headsPerGroup: 1,
      }),
    ];
  },
};

function extents(call: OpCall): ScanExtents {
  const { L, D, N, G } = call.sizes as { L: number; D: number; N: number; G: number };
  const constants = ['B', 'C'].filter((name) => call.inputs[name]!.shape.length === 2).length;
  return { sequences: sequenceCount(call), L, H: G, P: D / G, N, constants };
}
