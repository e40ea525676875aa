import { refuse } from '@ss/core';
import type { OpCall } from '@ss/core';
import { maybe, operand, scratchOperand } from '../shader/operand.ts';
import type { KernelOp, Means } from './kernel-op.ts';
import { unsupported } from './refusal.ts';
import { scanCarry, scanPass } from './scan-forward.ts';
import { divide, mostStates, scanDTypes, scanLanes, wholeSequence } from './scan-parts.ts';
import type { ScanDivision } from './scan-parts.ts';
import { sequenceCount } from './sequences.ts';

/** Lengths of chunks to choose from. */
const chunkLengths = [32, 64, 128, 256] as const;
/** What two more dispatches cost, in steps of a workgroup. */
const dispatchSteps = 64;

export const selectiveScan: KernelOp = {
  assess(call, means) {
    const refused = unsupported(call, scanDTypes) ?? tooManyStates(call);
    if (refused) return refused;
    const { B, L, D, N } = call.sizes as { B: number; L: number; D: number; N: number };
    const chunked = chooseChunks(call, means);
    return {
      ok: true,
      numerics: 'tolerance',
      ...(chunked && {
        scratchBytes: 4 * chunked.chunks * D * (N + 1),
        notes: [`in chunks of ${chunked.chunk} steps at once`],
      }),
      cost: { flops: 26 * B * L * D * N, bytes: 16 * B * L * D },
    };
  },

  dispatches(call, means) {
    const { inputs, outputs, sizes, scratch } = call;
    const { D, N } = sizes as { D: number; N: number };
    const y = operand(outputs['y']!);
    const start = maybe(inputs['initialState'] ?? inputs['state']);
    const last = maybe(outputs['finalState'] ?? inputs['state']);
    const from = start ? 'given' : 'zero';
    const division = chooseChunks(call, means);
    if (division === undefined) {
      return [scanPass(call, { division: divide(call, wholeSequence), from, y, start, last })];
    }
    const ends = scratchOperand(scratch!, 0, [division.chunks, N, D]);
    const spans = scratchOperand(scratch!, division.chunks * N * D, [division.chunks, D]);
    return [
      scanPass(call, { division, from: 'zero', ends, spans }),
      scanCarry(call, division, { backward: false, ends, spans, start, last }),
      scanPass(call, { division, from: 'carry', y, ends }),
    ];
  },
};

export function tooManyStates({ op, sizes }: OpCall): ReturnType<typeof refuse> | undefined {
  const N = sizes['N']!;
  if (N <= mostStates) return undefined;
  return refuse({
    code: 'size-exceeded',
    message: `webgpu has no ${op} with ${N} states a channel, at most ${mostStates}`,
    origin: 'request',
  });
}

/**
 * Whether chunks at once are faster than a whole sequence after the other, and how long they are best. In steps of one
 * workgroup: two passes over all chunks, as many at once as the device has room for, and the carry between them.
 */
export function chooseChunks(
  call: Pick<OpCall, 'inputs' | 'sizes'>,
  { workgroupsAtOnce }: Pick<Means, 'workgroupsAtOnce'>,
): ScanDivision | undefined {
  const { L, D, G } = call.sizes as { L: number; D: number; G: number };
  const workgroups = sequenceCount(call) * G * Math.ceil(D / G / scanLanes);
  const rounds = (count: number): number => Math.max(1, count / workgroupsAtOnce);
  // Packed sequences share the steps of one row.
  const packed = call.inputs['cuSeqlens'] !== undefined;
  let best = L * rounds(packed ? workgroups / sequenceCount(call) : workgroups);
  let chosen: ScanDivision | undefined;
  for (const chunk of chunkLengths) {
    if (chunk * 2 > L) break;
    const division = divide(call, chunk);
    const passes = 2 * chunk * rounds(division.chunks * division.blocks * G);
    const steps = passes + L / chunk + dispatchSteps;
    if (steps < best) [best, chosen] = [steps, division];
  }
  return chosen;
}
