import { decode, dtypes, elementCount, encode, forEachPosition } from '@ss/core';
import type { DType, Shape, TensorData } from '@ss/core';
import type { LayoutName } from './layouts.ts';

/** The numbers of one tensor argument, row-major and already rounded to the dtype they are stored in. */
export interface Values {
  readonly dtype: DType;
  readonly shape: Shape;
  /** complex64 as interleaved (re, im) */
  readonly data: Float64Array;
  /** how they lie in memory; dense when absent */
  readonly layout?: LayoutName;
}

export function values(data: ArrayLike<number>, shape: Shape, dtype: DType): Values {
  return { dtype, shape, data: rounded(data, dtype) };
}

/** Numbers from a generator, in row-major order. */
export function fill(shape: Shape, dtype: DType, next: (index: number) => number): Values {
  const count = elementCount(shape) * (dtype === 'complex64' ? 2 : 1);
  const data = new Float64Array(count);
  for (let index = 0; index < count; index++) data[index] = next(index);
  return values(data, shape, dtype);
}

/** The nearest numbers that `dtype` can hold. */
export function rounded(data: ArrayLike<number>, dtype: DType): Float64Array {
  return dtype === 'f64' ? new Float64Array(data) : toNumbers(decode(encode(data, dtype), dtype));
}

export function toNumbers(data: TensorData): Float64Array {
  return data instanceof BigInt64Array ? Float64Array.from(data, Number) : new Float64Array(data);
}

/** The same numbers under another dtype that holds them exactly, or nearly. */
export function cast(from: Values, dtype: DType): Values {
  return from.dtype === dtype ? from : { ...from, dtype, data: rounded(from.data, dtype) };
}

/** Axes in a new order, elements moved. */
export function permuted(from: Values, ...order: number[]): Values {
  const shape = order.map((axis) => from.shape[axis]!);
  const parts = from.dtype === 'complex64' ? 2 : 1;
  const strides = from.shape.map((_, axis) => elementCount(from.shape.slice(axis + 1)));
  const data = new Float64Array(from.data.length);
  let to = 0;
  forEachPosition({ shape, strides: order.map((axis) => strides[axis]!), offset: 0 }, (position) => {
    for (let part = 0; part < parts; part++) data[to++] = from.data[position * parts + part]!;
  });
  return { dtype: from.dtype, shape, data };
}

/** Elements `start` up to `end` of one axis. */
export function sliced(from: Values, axis: number, start: number, end: number): Values {
  const parts = from.dtype === 'complex64' ? 2 : 1;
  const inner = elementCount(from.shape.slice(axis + 1)) * parts;
  const outer = elementCount(from.shape.slice(0, axis));
  const extent = from.shape[axis]!;
  const data = new Float64Array(outer * (end - start) * inner);
  for (let o = 0; o < outer; o++) {
    data.set(
      from.data.subarray((o * extent + start) * inner, (o * extent + end) * inner),
      o * (end - start) * inner,
    );
  }
  return { dtype: from.dtype, shape: from.shape.with(axis, end - start), data };
}

/** The same numbers in float64; integers and complex numbers, which have no wider dtype, stay. */
export function widened(from: Values): Values {
  const { dtype, shape, data } = from;
  return { dtype: dtypes[dtype].kind === 'float' ? 'f64' : dtype, shape, data };
}

/** Pieces of one axis put together again. */
export function concatenated(pieces: readonly Values[], axis: number): Values {
  const { dtype, shape: first } = pieces[0]!;
  const parts = dtype === 'complex64' ? 2 : 1;
  const inner = elementCount(first.slice(axis + 1)) * parts;
  const outer = elementCount(first.slice(0, axis));
  const extent = pieces.reduce((sum, { shape }) => sum + shape[axis]!, 0);
  const data = new Float64Array(outer * extent * inner);
  let at = 0;
  for (const piece of pieces) {
    const length = piece.shape[axis]! * inner;
    for (let o = 0; o < outer; o++) {
      data.set(piece.data.subarray(o * length, (o + 1) * length), o * extent * inner + at);
    }
    at += length;
  }
  return { dtype, shape: first.with(axis, extent), data };
}

/** One axis backwards. */
export function flipped(from: Values, axis: number): Values {
  const extent = from.shape[axis]!;
  const steps = Array.from({ length: extent }, (_, i) => sliced(from, axis, extent - 1 - i, extent - i));
  return concatenated(steps, axis);
}

/** One index of an axis, which disappears. */
export function selected(from: Values, axis: number, index: number): Values {
  const { dtype, shape, data } = sliced(from, axis, index, index + 1);
  return { dtype, shape: shape.toSpliced(axis, 1), data };
}
