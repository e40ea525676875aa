import { dtypes, elementCount } from '@ss/core';
import type { OpCall } from '@ss/core';
import { sumPartsArgs, sumSlotsArgs } from '../kernels/layout.generated.ts';
import { addressOf, code } from './argument.ts';
import type { Arg } from './argument.ts';
import type { Work } from './kernel-op.ts';
import { sequenceCount } from './sequences.ts';

/** Slices that a reduction is cut into; a constant, so that its bits do not depend on the number of threads. */
export const mostSlices = 8;

/** f32 parts of a gradient: `groups` times `count` times `rows` rows of `width`. */
export interface Parts {
  readonly address: number;
  readonly groups: number;
  readonly count: number;
  readonly rows: number;
  readonly width: number;
}

export function partBytes({ groups, count, rows, width }: Omit<Parts, 'address'>): number {
  return 4 * groups * count * rows * width;
}

/** Adds the parts, in their order, into a dense output whose rows interleave the groups. */
export function sumParts(
  output: Arg,
  { address, groups, count, rows, width }: Parts,
): Work<typeof sumPartsArgs> {
  const size = dtypes[output.dtype].bytes;
  return {
    kernel: 'sumParts',
    layout: sumPartsArgs,
    units: rows * groups,
    scratchBytes: 512,
    cost: groups * count * rows * width,
    values: {
      out: addressOf(output),
      outRow: groups * width * size,
      outGroup: width * size,
      outStride: size,
      dtype: code(output.dtype),
      groups,
      width,
      parts: address,
      partsPerGroup: count,
      partBytes: 4 * rows * width,
    },
  };
}

/** Bytes of a row of f32 for each sequence, where the gradient of a pool of states is to be summed from them; otherwise 0. */
export function slotPartBytes({ inputs, outputs, sizes }: OpCall): number {
  const pool = inputs['stateIndices'] && outputs['dinitialState'];
  return pool ? 4 * elementCount(pool.shape.with(0, sequenceCount({ sizes }))) : 0;
}

/** The rows of {@link slotPartBytes} at `address`, laid out as those of the pool. */
export function slotParts(pool: Arg, sequences: number, address: number): Arg {
  const offset = (address - pool.buffer.address) / dtypes.f32.bytes;
  return { ...pool, dtype: 'f32', shape: pool.shape.with(0, sequences), offset };
}

/** Adds the rows of the sequences that name a slot, in their order; the gradient of a slot that none names is zero. */
export function sumSlots(pool: Arg, parts: Arg, stateIndices: Arg): Work<typeof sumSlotsArgs> {
  const [S, slots] = [parts.shape[0]!, pool.shape[0]!];
  const width = elementCount(pool.shape.slice(1));
  return {
    kernel: 'sumSlots',
    layout: sumSlotsArgs,
    units: slots,
    scratchBytes: 512,
    cost: (S + slots) * width,
    values: {
      out: addressOf(pool),
      dtype: code(pool.dtype),
      width,
      S,
      stateIndices: addressOf(stateIndices),
      parts: addressOf(parts),
    },
  };
}
