import type { OpCall } from '@ss/core';
import { maybe, operand, scratchOperand } from '../shader/operand.ts';
import type { Arg, Operand } from '../shader/operand.ts';
import type { Allocation } from '../memory/pages.ts';
import type { KernelOp } from './kernel-op.ts';
import { unsupported } from './refusal.ts';
import { backwardSteps, scanGradient, scanGradientInChunks, scanGradientOfState } from './scan-backward.ts';
import { scanCarry, scanPass } from './scan-forward.ts';
import { divide, scanDTypes, scanSpec } from './scan-parts.ts';
import type { ScanDivision } from './scan-parts.ts';
import { tooManyStates } from './selective-scan.ts';
import { sequenceCount } from './sequences.ts';
import { sumParts } from './sum-parts.ts';

/**
 * As `core/src/reference/selective-scan-backward.ts` derives it, in chunks of a few steps that run at once: the states before
 * each and the cotangents after each come from two passes and a carry, forward and backward. All sums are of parts in
 * a fixed order.
 */
export const selectiveScanBackward: KernelOp = {
  assess(call) {
    const refused = unsupported(call, scanDTypes) ?? tooManyStates(call);
    if (refused) return refused;
    const { B, L, D, N } = call.sizes as { B: number; L: number; D: number; N: number };
    return {
      ok: true,
      numerics: 'tolerance',
      scratchBytes: 4 * plan(call).floats,
      cost: { flops: 90 * B * L * D * N, bytes: (28 + (32 * N) / backwardSteps) * B * L * D },
    };
  },

  dispatches(call) {
    const { inputs, outputs, sizes, scratch } = call;
    const { D, N, B, L } = sizes as { D: number; N: number; B: number; L: number };
    const { division, areas, groupsOf } = plan(call);
    const area = (name: string): Operand | undefined => {
      const found = areas[name];
      return found && scratchOperand(scratch as Allocation, found.offset, [found.size]);
    };
    const ends = area('ends')!;
    const into = area('into')!;
    const spans = area('spans')!;
    const first = area('first');
    const start = maybe(inputs['initialState']);
    const { dinitialState } = outputs;
    const given = (name: string): Operand | undefined => outputs[name] && operand(outputs[name]);
    const { chunks } = division;
    const ofChunks = (arg: Arg, memory: Operand) =>
      sumParts(arg, { memory, count: chunks, size: N * D, inner: N, step: D, transposed: true });
    const perChannel = (arg: Arg | undefined, memory: Operand | undefined) =>
      arg && memory ? [sumParts(arg, { memory, count: chunks, size: D, inner: D })] : [];
    const projected = (name: 'B' | 'C', own: Operand | undefined) => {
      const output = outputs[`d${name}`]!;
      const parts = area(`d${name}parts`);
      if (!parts) return ofChunks(output, own!);
      const size = B * L * groupsOf(name) * N;
      return sumParts(output, { memory: parts, count: partCount(call, division, name), size, inner: N });
    };
    return [
      scanPass(call, { division, from: 'zero', ends, spans }),
      scanCarry(call, division, { backward: false, ends, spans, start }),
      scanGradientInChunks(call, division, into),
      scanCarry(call, division, {
        backward: true,
        ends: into,
        spans,
        start: maybe(inputs['dfinalState']),
        last: first && { ...first, strides: [N * D, 1, D] },
      }),
      scanGradient(call, division, {
        operands: {
          ends,
          into,
          du: given('du'),
          ddelta: given('ddelta'),
          dz: given('dz'),
          dCown: area('dCown'),
          dBparts: area('dBparts'),
          dCparts: area('dCparts'),
          dDparts: area('dDparts'),
          dbiasParts: area('dbiasParts'),
        },
        params: {
          BGroups: groupsOf('B'),
          CGroups: groupsOf('C'),
          BPart: B * L * groupsOf('B') * N,
          CPart: B * L * groupsOf('C') * N,
        },
      }),
      ofChunks(outputs['dA']!, ends),
      projected('B', into),
      projected('C', area('dCown')),
      ...perChannel(outputs['dD'], area('dDparts')),
      ...perChannel(outputs['ddeltaBias'], area('dbiasParts')),
      ...(dinitialState && first
        ? [scanGradientOfState(call, division, { first, dinitial: operand(dinitialState) })]
        : []),
    ];
  },
};

interface Area {
  readonly offset: number;
  readonly size: number;
}

/** How the scratch is laid out, in floats. */
function plan(call: Pick<OpCall, 'inputs' | 'sizes' | 'options'>): {
  readonly division: ScanDivision;
  readonly areas: Readonly<Record<string, Area>>;
  readonly floats: number;
  groupsOf(name: 'B' | 'C'): number;
} {
  const { inputs, sizes } = call;
  const { B, L, D, N } = sizes as { B: number; L: number; D: number; N: number };
  const division = divide(call, backwardSteps);
  const { BVaries, CVaries } = scanSpec(call);
  const groupsOf = (name: 'B' | 'C'): number => {
    const { shape } = inputs[name]!;
    return shape.length === 4 ? shape[2]! : 1;
  };
  const states = division.chunks * N * D;
  const channels = division.chunks * D;
  const parts = (name: 'B' | 'C'): number => partCount(call, division, name) * B * L * groupsOf(name) * N;
  const wanted: readonly (readonly [name: string, size: number])[] = [
    ['ends', states],
    ['into', states],
    ['spans', channels],
    ['first', inputs['initialState'] ? sequenceCount(call) * N * D : 0],
    ['dBparts', BVaries ? parts('B') : 0],
    ['dCparts', CVaries ? parts('C') : 0],
    ['dCown', CVaries ? 0 : states],
    ['dDparts', inputs['D'] ? channels : 0],
    ['dbiasParts', inputs['deltaBias'] ? channels : 0],
  ];
  const areas: Record<string, Area> = {};
  let floats = 0;
  for (const [name, size] of wanted) {
    if (size === 0) continue;
    areas[name] = { offset: floats, size };
    floats += size;
  }
  return { division, areas, floats, groupsOf };
}

/** Parts of dB or dC: a block of channels each, of all groups where they share one matrix. */
function partCount(
  call: Pick<OpCall, 'inputs' | 'sizes'>,
  { blocks }: ScanDivision,
  name: 'B' | 'C',
): number {
  const { shape } = call.inputs[name]!;
  const own = shape.length === 4 && shape[2]! > 1;
  return own ? blocks : blocks * call.sizes['G']!;
}
