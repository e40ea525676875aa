import type { DType, Shape } from '@ss/core';
import { storedName } from './dtypes.ts';

export interface TensorToStore {
  readonly dtype: DType;
  readonly shape: Shape;
  /** Row-major, little-endian. */
  readonly bytes: Uint8Array;
}

/** Data starts at a multiple of this, as the official writer has it. */
const alignment = 8;

/** A safetensors file of these tensors, in this order. */
export function writeSafetensors(
  tensors: Readonly<Record<string, TensorToStore>>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  let end = 0;
  const entries = Object.entries(tensors).map(([name, { dtype, shape, bytes }]) => {
    const begin = end;
    end += bytes.byteLength;
    return [name, { dtype: storedName(dtype), shape, data_offsets: [begin, end] }] as const;
  });
  const json = new TextEncoder().encode(
    JSON.stringify({ __metadata__: metadata, ...Object.fromEntries(entries) }),
  );
  const headerLength = Math.ceil(json.length / alignment) * alignment;
  const file = new Uint8Array(8 + headerLength + end).fill(0x20, 8, 8 + headerLength);
  new DataView(file.buffer).setBigUint64(0, BigInt(headerLength), true);
  file.set(json, 8);
  let at = 8 + headerLength;
  for (const { bytes } of Object.values(tensors)) {
    file.set(bytes, at);
    at += bytes.byteLength;
  }
  return file;
}
