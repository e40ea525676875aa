import { decode, dtypes, elementCount } from '@ss/core';
import type { DType } from '@ss/core';
import { toNumbers } from '../values.ts';
import type { Values } from '../values.ts';

const names: Readonly<Record<string, DType>> = {
  F64: 'f64',
  F32: 'f32',
  F16: 'f16',
  BF16: 'bf16',
  I64: 'i64',
  I32: 'i32',
  U32: 'u32',
  I8: 'i8',
  U8: 'u8',
};

interface Entry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

/**
 * The tensors of a safetensors file by name: an 8-byte length, a JSON header, then the data. Test vectors
 * only; a checkpoint of unknown origin wants a stricter reader.
 * @throws Error when the file is not what its header says
 */
export function parseSafetensors(file: Uint8Array, name: string): Map<string, Values> {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const length = file.byteLength < 8 ? Infinity : Number(view.getBigUint64(0, true));
  if (8 + length > file.byteLength) throw new Error(`${name} is shorter than its header says.`);
  const header = JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + length))) as Record<string, Entry>;
  const data = file.subarray(8 + length);
  const tensors = new Map<string, Values>();
  for (const [key, { dtype: stored, shape, data_offsets: range }] of Object.entries(header)) {
    if (key === '__metadata__') continue;
    const dtype = names[stored];
    if (dtype === undefined) throw new Error(`${name}: ${key} has the unknown dtype ${stored}.`);
    const [from, to] = range;
    if (to > data.byteLength || to - from !== elementCount(shape) * dtypes[dtype].bytes) {
      throw new Error(`${name}: ${key} has ${to - from} bytes where its shape (${shape.join(', ')}) asks for others.`);
    }
    tensors.set(key, { dtype, shape, data: toNumbers(decode(data.subarray(from, to), dtype)) });
  }
  return tensors;
}
