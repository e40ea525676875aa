import { dtypes } from '@ss/core';
import { sumPartsArgs } from '../kernels/layout.generated.ts';
import { addressOf, code } from './argument.ts';
import type { Arg } from './argument.ts';
import type { Work } from './kernel-op.ts';

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
