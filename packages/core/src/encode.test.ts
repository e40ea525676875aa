import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { dtypes } from './dtype.ts';
import type { DType } from './dtype.ts';
import { accessor, decode, encode } from './encode.ts';

const all = Object.keys(dtypes) as DType[];
const samples: Record<DType, readonly number[]> = {
  f64: [0.1, -1e300, Infinity],
  f32: [0.5, -1.25, 2 ** -140],
  f16: [0.5, -65504, 2 ** -24],
  bf16: [0.5, -1.25, 2 ** 100],
  complex64: [1, -2, 3, -4],
  i64: [0, -(2 ** 53), 2 ** 40],
  i32: [-(2 ** 31), 2 ** 31 - 1],
  u32: [0, 2 ** 32 - 1],
  i8: [-128, 127],
  u8: [0, 255],
};

test.each(all)('%s: what a dtype can hold comes back', (dtype) => {
  const bytes = encode(samples[dtype], dtype);
  expect(bytes.byteLength).toBe(
    (samples[dtype].length / (dtype === 'complex64' ? 2 : 1)) * dtypes[dtype].bytes,
  );
  expect(Array.from(decode(bytes, dtype) as ArrayLike<number | bigint>, Number)).toEqual(samples[dtype]);
});

test.each(all)('%s: an accessor reads and writes in place, at any alignment', (dtype) => {
  const bytes = encode(samples[dtype], dtype);
  for (const shift of [0, 1, 3]) {
    const room = new Uint8Array(bytes.byteLength + shift);
    const seen = accessor(room.subarray(shift), dtype);
    for (const [i, value] of samples[dtype].entries()) seen.set(i, value);
    expect(room.subarray(shift)).toEqual(bytes);
    expect(Array.from({ length: seen.length }, (_, i) => seen.get(i))).toEqual(samples[dtype]);
  }
});

test('decoding a Node Buffer copies its part of the pool', () => {
  const buffer = Buffer.from(encode([1, 2, 3], 'f32')).subarray(4, 12);
  const values = decode(buffer, 'f32');
  buffer.fill(0);
  expect(values).toEqual(new Float32Array([2, 3]));
});

test('decoding copies', () => {
  const bytes = encode([1, 2], 'f32');
  const values = decode(bytes, 'f32');
  bytes.fill(0);
  expect(values).toEqual(new Float32Array([1, 2]));
});

test('the bytes are little-endian IEEE 754', () => {
  expect([...encode([1], 'f32')]).toEqual([0, 0, 0x80, 0x3f]);
  expect([...encode([1], 'bf16')]).toEqual([0x80, 0x3f]);
  expect([...encode([1], 'f16')]).toEqual([0, 0x3c]);
  expect([...encode([-2], 'i64')]).toEqual([0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
});

test('bigints go into every dtype, and i64 keeps all their bits', () => {
  expect(decode(encode([2n ** 62n + 1n, -3n], 'i64'), 'i64')).toEqual(
    new BigInt64Array([2n ** 62n + 1n, -3n]),
  );
  expect(decode(encode([7n], 'f32'), 'f32')).toEqual(new Float32Array([7]));
  expect(decode(encode([7n], 'bf16'), 'bf16')).toEqual(new Float32Array([7]));
  expect(decode(encode([2.9, -2.9], 'i64'), 'i64')).toEqual(new BigInt64Array([2n, -2n]));
});

test('f32 storage rounds once, as Math.fround does', () => {
  fc.assert(
    fc.property(fc.array(fc.double()), (values) => {
      expect([...decode(encode(values, 'f32'), 'f32')]).toEqual(values.map(Math.fround));
    }),
  );
});
