import type { AllowedDTypes, OpCall } from '@ss/core';
import { SCAN_BACKWARD_BLOCK, SCAN_BACKWARD_TILE, scanBackwardArgs } from '../kernels/layout.generated.ts';
import { code, fields, grouped, roundUp } from './argument.ts';
import type { Arg } from './argument.ts';
import type { KernelOp, Work } from './kernel-op.ts';
import { partBytes, slotPartBytes, slotParts, sumParts, sumSlots } from './parts.ts';
import type { Parts } from './parts.ts';
import { narrowFloats, unsupported } from './refusal.ts';
import { sequenceArguments, sequenceCount, sequenceFault, sequenceFields } from './sequences.ts';

/**
 * A head is cut into so many slices, and into more where one would have more channels than this: the longer its rows, the
 * fewer pages are walked, and what it keeps of a tile has to fit a second-level cache. Constants, so that the bits do
 * not depend on the number of threads.
 */
const fewestSlices = 4;
const mostChannels = 384;

/** Gradients have their input's dtype, and f64 would promise more than sums in f32 can hold. */
const dtypes: AllowedDTypes = {
  '*': narrowFloats,
  initialState: ['f32'],
  dinitialState: ['f32'],
  dfinalState: ['f32'],
  cuSeqlens: ['i32'],
  stateIndices: ['i32'],
};

interface Sizes {
  readonly B: number;
  readonly L: number;
  readonly D: number;
  readonly N: number;
  readonly G: number;
}

export const selectiveScanBackward: KernelOp = {
  assess(call, { threads }) {
    const refused = unsupported(call, dtypes);
    if (refused) return refused;
    const { perThread, partsBytes, flops } = extent(call);
    return {
      ok: true,
      numerics: 'tolerance',
      contiguous: sequenceArguments,
      scratchBytes: threads * perThread + partsBytes + slotPartBytes(call),
      cost: { flops, bytes: 0 },
    };
  },

  works(call, { threads }) {
    const { B, L, D, N, G } = call.sizes as unknown as Sizes;
    const { inputs, outputs, options } = call;
    const { slice, slices, perThread, parts, flops } = extent(call);
    // The threads' own scratch comes first, the parts of what channels or sequences share after it.
    const placed = new Map<string, Parts>();
    let address = call.scratch!.address + threads * perThread;
    for (const [name, part] of parts) {
      placed.set(name, { ...part, address });
      address += roundUp(partBytes(part));
    }
    const pool = inputs['stateIndices'] && outputs['dinitialState'];
    const ofStates = pool && slotParts(pool, sequenceCount(call), address);
    const at = (name: string): number => placed.get(name)?.address ?? 0;

    const sequence = (name: string): Arg | undefined => grouped(inputs[name] ?? outputs[name], 2, G);
    const perChannel = (name: string): Arg | undefined => grouped(inputs[name], 0, G);
    const states = (arg: Arg | undefined): Arg | undefined => grouped(arg, 1, G);
    const bthp = { B: 0, T: 1, H: 2, P: 3 } as const;
    const bhpn = { B: 0, H: 1, P: 2, N: 3 } as const;
    const main: Work<typeof scanBackwardArgs> = {
      kernel: 'selectiveScanBackward',
      layout: scanBackwardArgs,
      units: sequenceCount(call) * G * slices,
      scratchBytes: perThread,
      cost: flops,
      fault: sequenceFault(call),
      values: {
        B,
        L,
        H: G,
        P: D / G,
        N,
        headsPerGroup: 1,
        softplus: options['softplus'] ? 1 : 0,
        reverse: options['reverse'] ? 1 : 0,
        ...sequenceFields(call),
        slice,
        slices,
        dtype: code(inputs['u']!.dtype),
        ...fields(sequence('u'), ['u', 'u'], bthp),
        ...fields(sequence('delta'), ['delta', 'delta'], bthp),
        ...fields(sequence('z'), ['z', 'z'], bthp),
        ...fields(sequence('dy'), ['dy', 'dy'], bthp),
        ...fields(sequence('du'), ['du', 'du'], bthp),
        ...fields(sequence('ddelta'), ['ddelta', 'ddelta'], bthp),
        ...fields(sequence('dz'), ['dz', 'dz'], bthp),
        ...fields(perChannel('A'), ['A', 'A'], { H: 0, P: 1, N: 2 }),
        AType: code(inputs['A']!.dtype),
        BVaries: varies(inputs['B']!) ? 1 : 0,
        ...projection(inputs['B']!, 'B', G),
        BType: code(inputs['B']!.dtype),
        CVaries: varies(inputs['C']!) ? 1 : 0,
        ...projection(inputs['C']!, 'C', G),
        CType: code(inputs['C']!.dtype),
        ...fields(perChannel('D'), ['D', 'D'], { H: 0, P: 1 }),
        DType: code(inputs['D']?.dtype ?? 'f32'),
        ...fields(perChannel('deltaBias'), ['bias', 'bias'], { H: 0, P: 1 }),
        biasType: code(inputs['deltaBias']?.dtype ?? 'f32'),
        ...fields(states(inputs['initialState']), ['h0', 'h0'], bhpn),
        ...fields(states(ofStates ?? outputs['dinitialState']), ['dh0', 'dh0'], bhpn),
        ...fields(states(inputs['dfinalState']), ['dh1', 'dh1'], bhpn),
        dA: at('dA'),
        dB: at('dB'),
        dC: at('dC'),
        dD: at('dD'),
        dbias: at('ddeltaBias'),
      },
    };
    return [
      main,
      ...[...placed].map(([name, part]) => sumParts(outputs[name]!, part)),
      ...(pool && ofStates ? [sumSlots(pool, ofStates, inputs['stateIndices']!)] : []),
    ];
  },
};

/** B or C: by batch, time, group and state, or by head, channel and state. */
function projection<P extends 'B' | 'C'>(arg: Arg, name: P, groups: number) {
  const none = undefined;
  const axes = !varies(arg)
    ? { B: none, T: none, G: none, H: 0, P: 1, N: 2 }
    : arg.shape.length === 4
      ? { B: 0, T: 1, G: 2, H: none, P: none, N: 3 }
      : { B: 0, T: 1, G: none, H: none, P: none, N: 2 };
  return fields(varies(arg) ? arg : grouped(arg, 0, groups), [`${name}s`, name] as const, axes);
}

function varies({ shape }: Pick<Arg, 'shape'>): boolean {
  return shape.length > 2;
}

/** How channels are cut into slices, the scratch of a thread, and the parts that slices and sequences make. */
function extent(call: OpCall): {
  slice: number;
  slices: number;
  perThread: number;
  parts: Map<string, Omit<Parts, 'address'>>;
  partsBytes: number;
  flops: number;
} {
  const { B, L, D, N, G } = call.sizes as unknown as Sizes;
  const S = sequenceCount(call);
  const P = D / G;
  const slice = Math.min(mostChannels, roundUp(Math.ceil(P / fewestSlices), SCAN_BACKWARD_BLOCK));
  const slices = Math.ceil(P / slice);
  const states = roundUp(N, 2);
  const blocks = slice / SCAN_BACKWARD_BLOCK;
  // As `openSlice` in `assembly/scan-backward-slice.ts` lays it out.
  const floats =
    slice * states * (7 + Math.ceil(L / SCAN_BACKWARD_TILE)) +
    9 * slice +
    2 * states +
    10 * states * SCAN_BACKWARD_TILE +
    16 * (2 * SCAN_BACKWARD_TILE + 1) +
    (3 + 6 * blocks) * SCAN_BACKWARD_TILE * SCAN_BACKWARD_BLOCK +
    16 * blocks;
  const parts = new Map<string, Omit<Parts, 'address'>>([['dA', { groups: 1, count: S, rows: D, width: N }]]);
  for (const name of ['B', 'C']) {
    const { shape } = call.inputs[name]!;
    if (shape.length === 2) parts.set(`d${name}`, { groups: 1, count: S, rows: D, width: N });
    else if (shape.length === 4) parts.set(`d${name}`, { groups: G, count: slices, rows: B * L, width: N });
    else parts.set(`d${name}`, { groups: 1, count: G * slices, rows: B * L, width: N });
  }
  for (const name of ['D', 'deltaBias'])
    if (call.inputs[name]) parts.set(`d${name}`, { groups: 1, count: S, rows: 1, width: D });
  const partsBytes = [...parts.values()].reduce((sum, part) => sum + roundUp(partBytes(part)), 0);
  return {
    slice,
    slices,
    perThread: roundUp(4 * floats + 512),
    parts,
    partsBytes,
    flops: 30 * B * L * D * N,
  };
}
