import { encode } from '@ss/core';

/** How a tensor of a GGUF file is stored, and the number that says so (`ggml_type`). */
export const ggmlTypes = { f32: 0, f16: 1, q8_0: 8, bf16: 30 } as const;

export type GgmlType = keyof typeof ggmlTypes;

/** Values that share a scale in q8_0. */
export const blockLength = 32;
/** An f16 scale and 32 int8. */
const blockBytes = 2 + blockLength;

const bytesOf = { f32: 4, f16: 2, bf16: 2, q8_0: blockBytes / blockLength };

/** Bytes of so many values. */
export function byteLength(count: number, type: GgmlType): number {
  return count * bytesOf[type];
}

export function encodeTensor(values: Float32Array, type: GgmlType): Uint8Array {
  return type === 'q8_0' ? encodeQ8(values) : encode(values, type);
}

/**
 * q8_0 as ggml's `quantize_row_q8_0_ref` makes it: in blocks of 32, scale = max|w| / 127 rounded to f16, and
 * w / (the scale before it was rounded) rounded to the nearest integer, halves away from zero.
 */
function encodeQ8(values: Float32Array): Uint8Array {
  const blocks = values.length / blockLength;
  if (!Number.isInteger(blocks))
    throw new RangeError(`${values.length} values are not whole blocks of q8_0.`);
  const bytes = new Uint8Array(blocks * blockBytes);
  const quants = new Int8Array(bytes.buffer);
  const scales = new Float32Array(blocks);
  for (let block = 0; block < blocks; block++) {
    const own = values.subarray(block * blockLength, (block + 1) * blockLength);
    let most = 0;
    for (const value of own) most = Math.max(most, Math.abs(value));
    const scale = Math.fround(most / 127);
    const inverse = scale === 0 ? 0 : Math.fround(1 / scale);
    scales[block] = scale;
    for (let i = 0; i < blockLength; i++) {
      const q = Math.fround(own[i]! * inverse);
      quants[block * blockBytes + 2 + i] = Math.sign(q) * Math.round(Math.abs(q));
    }
  }
  const narrow = encode(scales, 'f16');
  for (let block = 0; block < blocks; block++) {
    bytes.set(narrow.subarray(2 * block, 2 * block + 2), block * blockBytes);
  }
  return bytes;
}
