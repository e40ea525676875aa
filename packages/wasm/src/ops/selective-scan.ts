import type { OpCall } from '@ss/core';
import { scanArgs, SCAN_BLOCK, SCAN_UNIT } from '../kernels/layout.generated.ts';
import { code, fields, grouped, reversed, roundUp } from './argument.ts';
import type { Arg } from './argument.ts';
import type { KernelOp, Work } from './kernel-op.ts';
import { packedSequences, unsupported } from './refusal.ts';

/** Time steps and channels worked on together: with 16 states their scratch fits a second-level cache. */
const mostSteps = 32;
const mostChannels = 1536;

const real = ['f32', 'f16', 'bf16'] as const;
const any = ['f32', 'f16', 'bf16', 'f64'] as const;
const single = ['f32'] as const;
const dtypes = {
  '*': real,
  A: any,
  B: any,
  C: any,
  D: any,
  deltaBias: any,
  initialState: single,
  state: single,
  finalState: single,
};

interface Sizes {
  readonly B: number;
  readonly L: number;
  readonly D: number;
  readonly N: number;
  readonly G: number;
}

export const selectiveScan: KernelOp = {
  assess(call, { threads }) {
    const refused = packedSequences(call) ?? unsupported(call, dtypes);
    if (refused) return refused;
    const { flops } = extent(call);
    return { ok: true, numerics: 'bitwise', scratchBytes: threads * extent(call).scratchBytes, cost: { flops, bytes: 0 } };
  },

  works(call) {
    const { B, L, D, N, G } = call.sizes as unknown as Sizes;
    const { inputs, outputs, options } = call;
    const { span, tile, scratchBytes, flops } = extent(call);
    // The kernel walks forward; a view that starts at the end and walks back makes it the other way.
    const timed = <A extends Arg | undefined>(arg: A): A => (options['reverse'] ? reversed(arg, 1) : arg);
    // Channels of one group are one head to the kernel, so that heads are what rows of B and C belong to.
    const sequence = (name: string): Arg | undefined => grouped(timed(inputs[name] ?? outputs[name]), 2, G);
    const perChannel = (name: string): Arg | undefined => grouped(inputs[name], 0, G);
    const states = (arg: Arg | undefined): Arg | undefined => grouped(arg, 1, G);
    const bthp = { B: 0, T: 1, H: 2, P: 3 } as const;
    const bhpn = { B: 0, H: 1, P: 2, N: 3 } as const;
    const projection = <P extends 'B' | 'C'>(name: P) => {
      const arg = inputs[name]!;
      const varies = arg.shape.length > 2;
      const axes =
        arg.shape.length === 4
          ? { B: 0, T: 1, G: 2, H: undefined, P: undefined, N: 3 }
          : varies
            ? { B: 0, T: 1, G: undefined, H: undefined, P: undefined, N: 2 }
            : { B: undefined, T: undefined, G: undefined, H: 0, P: 1, N: 2 };
      return fields(varies ? timed(arg) : grouped(arg, 0, G), [`${name}s`, name], axes);
    };
    const work: Work<typeof scanArgs> = {
      kernel: 'selectiveScan',
      layout: scanArgs,
      units: B * G * Math.ceil(D / G / SCAN_UNIT),
      scratchBytes,
      cost: flops,
      values: {
        B,
        L,
        H: G,
        P: D / G,
        N,
        headsPerGroup: 1,
        softplus: options['softplus'] ? 1 : 0,
        span,
        tile,
        dtype: code(inputs['u']!.dtype),
        ...fields(sequence('u'), ['u', 'u'], bthp),
        ...fields(sequence('delta'), ['delta', 'delta'], bthp),
        ...fields(sequence('z'), ['z', 'z'], bthp),
        ...fields(sequence('y'), ['y', 'y'], bthp),
        ...fields(perChannel('A'), ['A', 'A'], { H: 0, P: 1, N: 2 }),
        AType: code(inputs['A']!.dtype),
        BVaries: inputs['B']!.shape.length > 2 ? 1 : 0,
        ...projection('B'),
        BType: code(inputs['B']!.dtype),
        CVaries: inputs['C']!.shape.length > 2 ? 1 : 0,
        ...projection('C'),
        CType: code(inputs['C']!.dtype),
        ...fields(perChannel('D'), ['D', 'D'], { H: 0, P: 1 }),
        DType: code(inputs['D']?.dtype ?? 'f32'),
        ...fields(perChannel('deltaBias'), ['bias', 'bias'], { H: 0, P: 1 }),
        biasType: code(inputs['deltaBias']?.dtype ?? 'f32'),
        ...fields(states(inputs['initialState'] ?? inputs['state']), ['h0', 'h0'], bhpn),
        ...fields(states(outputs['finalState'] ?? inputs['state']), ['h1', 'h1'], bhpn),
      },
    };
    return [work];
  },
};

/** How the kernel cuts the work up, and the scratch it then needs; the layout is in `assembly/scan.ts`. */
function extent(call: OpCall): { span: number; tile: number; scratchBytes: number; flops: number } {
  const { B, L, D, N, G } = call.sizes as unknown as Sizes;
  const tile = Math.min(mostSteps, L);
  const span = Math.min(mostChannels, roundUp(D / G, SCAN_UNIT));
  const lanes = roundUp(span, SCAN_BLOCK);
  const constants = ['B', 'C'].filter((name) => call.inputs[name]!.shape.length === 2).length;
  const floats = lanes * ((2 + constants) * N + 3 * tile + 5) + 2 * tile * N;
  return { span, tile, scratchBytes: roundUp(4 * floats), flops: 8 * B * L * D * N };
}
