import type { TensorArg } from '../backend.ts';
import { dtypes } from '../dtype.ts';
import type { DType, FloatDType } from '../dtype.ts';
import { accessor, encode } from '../encode.ts';
import { forEachPosition, isContiguous } from '../shape.ts';
import { gather } from '../tensor.ts';

/** Numbers that hold every element of a real or complex64 dtype exactly. */
export type Values = Float64Array | Float32Array;

type Arg<D extends DType = DType> = TensorArg<Uint8Array> & { readonly dtype: D };

/** A copy of the logical elements of an argument, row-major; complex64 as interleaved (re, im). */
export function values(arg: TensorArg<Uint8Array>): Values {
  return gather(arg.buffer, arg, (arg as Arg<FloatDType | 'complex64'>).dtype);
}

/** As {@link values}, in float64, for what a kernel accumulates into. */
export function accumulators(arg: TensorArg<Uint8Array>): Float64Array {
  return Float64Array.from(values(arg));
}

/** The elements of an i32 argument, row-major. */
export function integers(arg: TensorArg<Uint8Array>): Int32Array {
  return gather(arg.buffer, arg, (arg as Arg<'i32'>).dtype);
}

/** Stores row-major elements, rounding each once to the argument's dtype. */
export function store(arg: TensorArg<Uint8Array>, data: ArrayLike<number>): void {
  if (isContiguous(arg)) {
    arg.buffer.set(encode(data, arg.dtype), arg.offset * dtypes[arg.dtype].bytes);
    return;
  }
  const target = accessor(arg.buffer, arg.dtype);
  const complex = arg.dtype === 'complex64';
  let i = 0;
  forEachPosition(arg, (position) => {
    if (complex) target.set(2 * position, data[i++]!);
    target.set(complex ? 2 * position + 1 : position, data[i++]!);
  });
}
