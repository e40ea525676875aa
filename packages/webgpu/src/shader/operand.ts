import { dtypes } from '@ss/core';
import type { DType, TensorArg } from '@ss/core';
import type { Allocation } from '../memory/pages.ts';

export type Arg = TensorArg<Allocation>;

/** A tensor as a kernel sees it: its memory under the kernel's own axes. */
export interface Operand {
  readonly dtype: DType;
  readonly memory: Allocation;
  /** Element at index 0 of every axis, from the start of the memory. */
  readonly offset: number;
  /** In elements, by the kernel's axes. */
  readonly strides: readonly number[];
}

/** A tensor under some of its own axes; an axis that is `undefined` has the stride 0. */
export function operand(
  arg: Arg,
  axes: readonly (number | undefined)[] = arg.shape.map((_, i) => i),
): Operand {
  return {
    dtype: arg.dtype,
    memory: arg.buffer,
    offset: arg.offset,
    strides: axes.map((axis) => (axis === undefined ? 0 : arg.strides[axis]!)),
  };
}

/** As {@link operand}, or nothing for an argument that was not given. */
export function maybe(arg: Arg | undefined, axes?: readonly (number | undefined)[]): Operand | undefined {
  return arg && operand(arg, axes);
}

/** Dense memory of these extents, `offset` elements into a buffer: scratch. */
export function scratchOperand(memory: Allocation, offset: number, extents: readonly number[]): Operand {
  const strides = extents.map((_, axis) => extents.slice(axis + 1).reduce((a, b) => a * b, 1));
  return { dtype: 'f32', memory, offset, strides };
}

/** Elements between the start of the page and the operand. */
export function elementOffset({ dtype, memory, offset }: Operand): number {
  return memory.address / dtypes[dtype].bytes + offset;
}
