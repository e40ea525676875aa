import { dtypes } from '@ss/core';
import type { DType, TensorArg } from '@ss/core';
import { dtypeCode } from '../kernels/dtype-code.ts';
import type { Region } from '../memory/region.ts';

export type Arg = TensorArg<Region>;

/** Address of the element at index 0 of every axis. */
export function addressOf({ buffer, offset, dtype }: Arg): number {
  return buffer.address + offset * dtypes[dtype].bytes;
}

/** Bytes between neighbours along an axis. */
export function stride({ strides, dtype }: Arg, axis: number): number {
  return strides[axis]! * dtypes[dtype].bytes;
}

export function code(dtype: DType): number {
  return dtypeCode[dtype]!;
}

/** Scratch of every thread starts on its own pair of cache lines. */
export function roundUp(bytes: number, step = 128): number {
  return Math.ceil(bytes / step) * step;
}
