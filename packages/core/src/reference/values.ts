import type { TensorArg } from '../backend.ts';
import { dtypes } from '../dtype.ts';
import type { DataOf, DType } from '../dtype.ts';
import { accessor, encode } from '../encode.ts';
import { forEachPosition, isContiguous } from '../shape.ts';
import { gather } from '../tensor.ts';

/** A copy of the logical elements of an argument in float64, row-major; complex64 as interleaved (re, im). */
export function values(arg: TensorArg<Uint8Array>): Float64Array {
  // Indices are i32, so no argument of an op that computes is i64.
  return new Float64Array(gather(arg.buffer, arg, arg.dtype) as DataOf[Exclude<DType, 'i64'>]);
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
