import { rowStride } from '@ss/core';
import type { TensorSpec } from '@ss/core';
import type { Arg, Operand } from '../shader/operand.ts';

/** A (..., K) argument as rows: axes (R, K). Its rows must be one axis. */
export function rowsOperand({ dtype, buffer, offset, shape, strides }: Arg): Operand {
  return {
    dtype,
    memory: buffer,
    offset,
    strides: [rowStride({ shape, strides })!, strides[shape.length - 1] ?? 0],
  };
}

/** Ids of any shape (...) as one axis. */
export function flatOperand({ dtype, buffer, offset, shape, strides }: Arg): Operand {
  return {
    dtype,
    memory: buffer,
    offset,
    strides: [rowStride({ shape: [...shape, 1], strides: [...strides, 0] })!],
  };
}

/** Names among `names` whose rows are not one axis, so that they must be copied. */
export function scatteredRows(
  inputs: Readonly<Record<string, TensorSpec>>,
  names: readonly string[],
): string[] {
  return names.filter((name) => inputs[name] && rowStride(inputs[name]) === undefined);
}

/** Whether a tensor of any shape is not one axis. */
export function scattered({ shape, strides }: TensorSpec): boolean {
  return rowStride({ shape: [...shape, 1], strides: [...strides, 0] }) === undefined;
}
