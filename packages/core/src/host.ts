import { encode } from './encode.ts';
import type { DType } from './dtype.ts';
import { dtypes } from './dtype.ts';
import { SsError } from './errors.ts';
import { showValue } from './options.ts';
import { checkShape, denseStrides, elementCount, show } from './shape.ts';
import type { Shape } from './shape.ts';
import { Storage } from './storage.ts';
import type { StorageOwner } from './storage.ts';
import { Tensor } from './tensor.ts';
import { flatten } from './values.ts';
import type { Values } from './values.ts';

/** The JavaScript heap as an owner of tensors. Engines copy host tensors in at the call. */
export const host: StorageOwner = {
  label: 'host',
  read: (storage, byteOffset, byteLength) =>
    (storage.handle as Uint8Array).subarray(byteOffset, byteOffset + byteLength),
  release: () => undefined,
};

/**
 * A tensor in host memory, rounded once to `dtype` (default f32; i32 for an `Int32Array`).
 * @param values row-major, or nested in arrays; complex64 takes interleaved (re, im)
 * @param shape default as the values are nested
 * @throws SsError `shape-mismatch` when the count of values is not that of the shape, or rows differ in length;
 * `argument-invalid` for values that are no numbers
 */
export function tensor(values: Int32Array, shape?: Shape): Tensor<'i32'>;
export function tensor(values: Values, shape?: Shape): Tensor<'f32'>;
export function tensor<D extends DType = 'f32'>(values: Values, shape?: Shape, dtype?: D): Tensor<D>;
export function tensor<D extends DType = 'f32'>(
  values: Values,
  shape?: Shape,
  dtype: D = (values instanceof Int32Array ? 'i32' : 'f32') as D,
): Tensor<D> {
  const { flat, nested } = flatten(values);
  const wanted = shape ?? nested;
  checkShape(wanted, 'A tensor', dtype);
  const components = dtype === 'complex64' ? 2 : 1;
  if (flat.length !== elementCount(wanted) * components) {
    throw new SsError(
      'shape-mismatch',
      `${flat.length} values do not fill a ${dtype} tensor of shape ${show(wanted)}.`,
      {
        details: { values: flat.length, shape: wanted, dtype },
      },
    );
  }
  return fromBytes(encode(flat, dtype), wanted, dtype);
}

/** A host tensor over storage bytes as they are (little-endian), without a copy: the caller gives them away. */
export function fromBytes<D extends DType>(bytes: Uint8Array, shape: Shape, dtype: D): Tensor<D> {
  checkShape(shape, 'A tensor', dtype);
  if (!(ArrayBuffer.isView(bytes) && (bytes as Uint8Array).BYTES_PER_ELEMENT === 1)) {
    throw new SsError('argument-invalid', `fromBytes() takes a Uint8Array, not ${showValue(bytes)}.`, {
      hint: 'tensor() takes numbers.',
    });
  }
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
export function zeros(shape: Shape): Tensor<'f32'>;
export function zeros<D extends DType = 'f32'>(shape: Shape, dtype?: D): Tensor<D>;
export function zeros<D extends DType = 'f32'>(shape: Shape, dtype: D = 'f32' as D): Tensor<D> {
  checkShape(shape, 'A tensor', dtype);
  return fromBytes(new Uint8Array(elementCount(shape) * dtypes[dtype].bytes), shape, dtype);
}
