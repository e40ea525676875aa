import type { BoundCall, TensorArg } from '../backend.ts';
import { dtypes } from '../dtype.ts';
import type { DType } from '../dtype.ts';
import { elementCount, forEachPosition } from '../shape.ts';
import { gather } from '../tensor.ts';
import { store } from './values.ts';

/** The elements of a view under another layout: bit by bit within a dtype, rounded once into another. */
export function copy({ inputs, outputs }: BoundCall<Uint8Array>): void {
  const from = inputs['x']!;
  const to = outputs['y'] ?? inputs['to']!;
  if (from.dtype === to.dtype) move(from, to);
  else
    store(to, Array.from<number | bigint, number>(gather(from.buffer, from, from.dtype), caster(to.dtype)));
}

function move(from: TensorArg<Uint8Array>, to: TensorArg<Uint8Array>): void {
  const { bytes } = dtypes[from.dtype];
  const elements = new Uint8Array(elementCount(from.shape) * bytes);
  let i = 0;
  forEachPosition(from, (position) => {
    for (let byte = 0; byte < bytes; byte++) elements[i++] = from.buffer[position * bytes + byte]!;
  });
  i = 0;
  forEachPosition(to, (position) => {
    for (let byte = 0; byte < bytes; byte++) to.buffer[position * bytes + byte] = elements[i++]!;
  });
}

/** Floats are rounded by whoever stores them; integers are cut towards zero and kept in range, NaN being 0. */
function caster(dtype: DType): (value: number | bigint) => number {
  const { kind, bytes } = dtypes[dtype];
  if (kind !== 'int') return Number;
  const bits = 8 * bytes - (dtype.startsWith('i') ? 1 : 0);
  const low = dtype.startsWith('i') ? -(2 ** bits) : 0;
  // 2^63 - 1 is not a double; the one below 2^63 is.
  const high = Math.min(2 ** bits - 1, 2 ** 63 - 1024);
  return (value) => Math.min(high, Math.max(low, Math.trunc(Number(value)) || 0));
}
