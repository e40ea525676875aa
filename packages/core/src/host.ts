import { encode } from './encode.ts';
import type { DType } from './dtype.ts';
import { dtypes } from './dtype.ts';
import { SsError } from './errors.ts';
import { checkShape, denseStrides, elementCount, show } from './shape.ts';
import type { Shape } from './shape.ts';
import { Storage } from './storage.ts';
import type { StorageOwner } from './storage.ts';
import { Tensor } from './tensor.ts';

/** The JavaScript heap as an owner of tensors. Engines copy host tensors in at the call. */
export const host: StorageOwner = {
  label: 'host',
  read: (storage, byteOffset, byteLength) =>
    (storage.handle as Uint8Array).subarray(byteOffset, byteOffset + byteLength),
  release: () => undefined,
};

/**
 * A tensor in host memory, rounded once to `dtype` (default f32; i32 for an `Int32Array`).
 * @param values row-major; complex64 takes interleaved (re, im)
 * @throws SsError `shape-mismatch` when the count of values is not that of the shape
 */
export function tensor(values: Int32Array, shape?: Shape): Tensor<'i32'>;
export function tensor<D extends DType = 'f32'>(
  values: ArrayLike<number> | ArrayLike<bigint>,
  shape?: Shape,
  dtype?: D,
): Tensor<D>;
export function tensor<D extends DType = 'f32'>(
  values: ArrayLike<number> | ArrayLike<bigint>,
  shape: Shape = [values.length],
  dtype: D = (values instanceof Int32Array ? 'i32' : 'f32') as D,
): Tensor<D> {
  checkShape(shape, 'A tensor', dtype);
  const components = dtype === 'complex64' ? 2 : 1;
  if (values.length !== elementCount(shape) * components) {
    throw new SsError(
      'shape-mismatch',
      `${values.length} values do not fill a ${dtype} tensor of shape ${show(shape)}.`,
      {
        details: { values: values.length, shape, dtype },
      },
    );
  }
  return fromBytes(encode(values, dtype), shape, dtype);
}

/** A host tensor over storage bytes as they are (little-endian), without a copy: the caller gives them away. */
export function fromBytes<D extends DType>(bytes: Uint8Array, shape: Shape, dtype: D): Tensor<D> {
  checkShape(shape, 'A tensor', dtype);
  const needed = elementCount(shape) * dtypes[dtype].bytes;
  if (bytes.byteLength !== needed) {
    throw new SsError(
      'shape-mismatch',
      `A ${dtype} tensor of shape ${show(shape)} takes ${needed} bytes, not ${bytes.byteLength}.`,
    );
  }
  return new Tensor(new Storage(host, bytes, bytes.byteLength), {
    dtype,
    shape,
    strides: denseStrides(shape),
    offset: 0,
  });
}

/** A host tensor of zeros. */
export function zeros<D extends DType = 'f32'>(shape: Shape, dtype: D = 'f32' as D): Tensor<D> {
  checkShape(shape, 'A tensor', dtype);
  return fromBytes(new Uint8Array(elementCount(shape) * dtypes[dtype].bytes), shape, dtype);
}
