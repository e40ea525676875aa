import { dtypes, elementCount, elementSpan } from '@ss/core';
import type { DType, Layout } from '@ss/core';
import { pause } from '../generate/pause.ts';
import { allocate } from '../source/limits.ts';

/** Elements between which the thread is free: some milliseconds. */
const elementsAtOnce = 2 ** 20;

/**
 * The elements of a strided view in row-major order.
 * @param raw the bytes of the view's span, its first element first
 */
export async function rowMajor(
  layout: Layout & { readonly dtype: DType },
  raw: Uint8Array,
): Promise<Uint8Array> {
  const size = dtypes[layout.dtype].bytes;
  const count = elementCount(layout.shape);
  const dense = allocate(count * size, 'a tensor');
  const [from, to] = [unitsOf(raw, size), unitsOf(dense, size)];
  const units = to.length / Math.max(count, 1);
  const { shape, strides } = layout;
  const index = new Array<number>(shape.length).fill(0);
  let position = layout.offset - elementSpan(layout).start;
  for (let i = 0; i < count; i++) {
    if (i % elementsAtOnce === elementsAtOnce - 1) await pause();
    for (let unit = 0; unit < units; unit++) to[i * units + unit] = from[position * units + unit]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      position += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      position -= shape[axis]! * strides[axis]!;
      index[axis] = 0;
    }
  }
  return dense;
}

/** Elements as integers, or halves of elements: as floats, values that are no numbers would not stay what they are. */
function unitsOf(bytes: Uint8Array, size: number): Uint8Array | Uint16Array | Uint32Array {
  const Units = size === 1 ? Uint8Array : size === 2 ? Uint16Array : Uint32Array;
  const { buffer, byteOffset } = byteAligned(bytes, Units.BYTES_PER_ELEMENT) as Uint8Array<ArrayBuffer>;
  return new Units(buffer, byteOffset, bytes.length / Units.BYTES_PER_ELEMENT);
}

function byteAligned(bytes: Uint8Array, alignment: number): Uint8Array {
  return bytes.byteOffset % alignment === 0 ? bytes : bytes.slice();
}
