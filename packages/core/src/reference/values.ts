import type { TensorArg } from '../backend.ts';
import { accessor } from '../encode.ts';
import { elementCount, forEachPosition } from '../shape.ts';

/** The logical elements of an argument as float64, row-major; complex64 as interleaved (re, im). */
export function values(arg: TensorArg<Uint8Array>): Float64Array {
  const source = accessor(arg.buffer, arg.dtype);
  const complex = arg.dtype === 'complex64';
  const out = new Float64Array(elementCount(arg.shape) * (complex ? 2 : 1));
  let i = 0;
  forEachPosition(arg, (position) => {
    if (complex) out[i++] = source.get(2 * position);
    out[i++] = source.get(complex ? 2 * position + 1 : position);
  });
  return out;
}

/** Stores row-major elements, rounding each once to the argument's dtype. */
export function store(arg: TensorArg<Uint8Array>, data: ArrayLike<number>): void {
  const target = accessor(arg.buffer, arg.dtype);
  const complex = arg.dtype === 'complex64';
  let i = 0;
  forEachPosition(arg, (position) => {
    if (complex) target.set(2 * position, data[i++]!);
    target.set(complex ? 2 * position + 1 : position, data[i++]!);
  });
}
