import { dtypes } from '@ss/core';
import type { DType, TensorArg, TensorSpec } from '@ss/core';
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

/** The number kernels know a dtype by. */
export function code(dtype: DType): number {
  return dtypeCode[dtype];
}

/** That of an argument's dtype; of f32 for one that was not given. */
export function codeOf(arg: TensorSpec | undefined): number {
  return code(arg?.dtype ?? 'f32');
}

type Fields<Pointer extends string, Prefix extends string, Axis extends string> = {
  readonly [Field in Pointer | `${Prefix}${Axis}`]: number;
};

/**
 * The fields of one argument: its address as `pointer`, the strides of its axes as `prefix` + letter. Without an
 * argument, and for an axis it does not have, they are 0.
 */
export function fields<Pointer extends string, Prefix extends string, Axis extends string>(
  arg: Arg | undefined,
  [pointer, prefix]: readonly [Pointer, Prefix],
  axes: Readonly<Record<Axis, number | undefined>>,
): Fields<Pointer, Prefix, Axis> {
  const values: Record<string, number> = { [pointer]: arg ? addressOf(arg) : 0 };
  for (const letter in axes) {
    const axis = axes[letter];
    values[prefix + letter] = arg && axis !== undefined ? stride(arg, axis) : 0;
  }
  return values as Fields<Pointer, Prefix, Axis>;
}

/** The view whose `axis` is two: `groups` equal parts, and the place in a part. */
export function grouped<A extends Arg | undefined>(arg: A, axis: number, groups: number): A {
  if (arg === undefined) return arg;
  const { shape, strides } = arg;
  const part = shape[axis]! / groups;
  return {
    ...arg,
    shape: shape.toSpliced(axis, 1, groups, part),
    strides: strides.toSpliced(axis, 1, strides[axis]! * part, strides[axis]!),
  };
}

/** The view with a new axis of extent 1. */
export function unsqueezed<A extends Arg | undefined>(arg: A, axis: number): A {
  if (arg === undefined) return arg;
  return { ...arg, shape: arg.shape.toSpliced(axis, 0, 1), strides: arg.strides.toSpliced(axis, 0, 0) };
}

/** Scratch of every thread starts on its own pair of cache lines. */
export function roundUp(bytes: number, step = 128): number {
  return Math.ceil(bytes / step) * step;
}
