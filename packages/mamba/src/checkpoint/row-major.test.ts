import { decode, dtypes, elementSpan, encode, forEachPosition } from '@ss/core';
import type { DType, Layout } from '@ss/core';
import { expect, test } from 'vitest';
import { rowMajor } from './row-major.ts';

const layouts: readonly Layout[] = [
  { shape: [3, 4], strides: [1, 3], offset: 2 },
  { shape: [2, 3, 2], strides: [1, 2, 6], offset: 0 },
  { shape: [4], strides: [3], offset: 1 },
  { shape: [2, 2], strides: [1, 1], offset: 0 },
  { shape: [0, 3], strides: [1, 1], offset: 0 },
  { shape: [], strides: [], offset: 5 },
];

test.for(['u8', 'f16', 'bf16', 'f32', 'f64', 'i64'] as const)(
  '%s, from bytes that lie anywhere',
  async (dtype) => {
    const stored = storage(dtype);
    const { bytes: size } = dtypes[dtype];
    for (const layout of layouts) {
      const wanted: (number | bigint)[] = [];
      forEachPosition(layout, (position) => wanted.push(decode(stored, dtype)[position]!));
      const { start, end } = elementSpan(layout);
      for (const shift of [0, 1]) {
        const moved = new Uint8Array(shift + stored.length);
        moved.set(stored, shift);
        const raw = moved.subarray(shift + start * size, shift + end * size);
        expect([...decode(await rowMajor({ ...layout, dtype }, raw), dtype)]).toEqual(wanted);
      }
    }
  },
);

test('bits stay, those of values that are no numbers too', async () => {
  const signalling = Uint8Array.of(1, 0, 0, 0, 0, 0, 0xf0, 0x7f, 2, 0, 0x80, 0x7f, 3, 0, 0, 0);
  const swapped = await rowMajor({ dtype: 'f64', shape: [2], strides: [1], offset: 0 }, signalling);
  expect(swapped).toEqual(signalling);
});

function storage(dtype: DType): Uint8Array {
  const values = Array.from({ length: 24 }, (_, i) => i + 1);
  return encode(dtype === 'i64' ? BigInt64Array.from(values, BigInt) : values, dtype);
}
