import { expect, test } from 'vitest';
import { dtypes } from '../dtype.ts';
import type { DType } from '../dtype.ts';
import { encode } from '../encode.ts';
import { Engine } from '../engine/engine.ts';
import { fromBytes, tensor } from '../host.ts';
import { createReferenceBackend } from './index.ts';

const engine = new Engine(createReferenceBackend());
const all = Object.keys(dtypes) as DType[];
const real = all.filter((dtype) => dtype !== 'complex64');

test.each(all)('%s is copied bit by bit, NaN and all', async (dtype) => {
  const { bytes } = dtypes[dtype];
  const data = Uint8Array.from({ length: 6 * bytes }, (_, i) => 0xf0 | i);
  const copy = engine.copy({ x: fromBytes(data, [2, 3], dtype).permute(1, 0) });
  expect(copy).toMatchObject({ dtype, shape: [3, 2], contiguous: true });
  const column = (i: number): number[] => [...data.subarray(i * bytes, (i + 1) * bytes)];
  const raw = await copy.storage.owner.read(copy.storage, 0, 6 * bytes);
  expect([...raw]).toEqual([0, 3, 1, 4, 2, 5].flatMap(column));
});

test.each(real.flatMap((from) => real.map((to) => [from, to] as const)))(
  '%s to %s keeps what both can say',
  async (from, to) => {
    const values = [0, 1, 2, 100, 127];
    const copy = engine.copy({ x: tensor(values, [5], from), dtype: to });
    expect(copy.dtype).toBe(to);
    expect(Array.from(await copy.read(), Number)).toEqual(values);
  },
);

const casts: readonly [from: DType, to: DType, value: number, result: number][] = [
  ['f32', 'i32', 2.9, 2],
  ['f32', 'i32', -2.9, -2],
  ['f32', 'i32', 1e20, 2 ** 31 - 1],
  ['f64', 'i32', -Infinity, -(2 ** 31)],
  ['f32', 'i32', NaN, 0],
  ['f32', 'u8', -1, 0],
  ['f32', 'u8', 256, 255],
  ['f32', 'i8', -129, -128],
  ['f64', 'u32', 2 ** 40, 2 ** 32 - 1],
  ['f64', 'i64', 1e300, 2 ** 63 - 1024],
  ['f64', 'i64', -1e300, -(2 ** 63)],
  ['i64', 'i32', 2 ** 40, 2 ** 31 - 1],
  ['f64', 'f32', 0.1, Math.fround(0.1)],
  ['f64', 'f16', 65520, Infinity],
  ['f64', 'f16', 65519, 65504],
  // Just above halfway between two bf16: by way of f32 it would be a tie and go down.
  ['f64', 'bf16', 1 + 2 ** -8 + 2 ** -40, 1 + 2 ** -7],
];

test.each(casts)('%s to %s: %d becomes %d', async (from, to, value, result) => {
  expect(Array.from(await engine.copy({ x: tensor([value], [1], from), dtype: to }).read(), Number)).toEqual([
    result,
  ]);
});

test('a copy into a view of state touches that view alone', async () => {
  const state = engine.state([3, 2], 'bf16');
  engine.assign(state.slice(0, 1, 2).reverse(1), tensor([1, 2], [1, 2]));
  expect(await state.read()).toEqual(new Float32Array([0, 0, 2, 1, 0, 0]));
});

test('embedding takes rows of any view of any dtype', async () => {
  const weight = tensor([1, 2, 3, 4, 5, 6], [2, 3], 'bf16').permute(1, 0);
  const ids = tensor(new Int32Array([2, 0, 2, 1]), [2, 2]);
  const rows = engine.embedding({ ids, weight });
  expect(rows).toMatchObject({ shape: [2, 2, 2], dtype: 'f32' });
  expect(await rows.read()).toEqual(new Float32Array([3, 6, 1, 4, 3, 6, 2, 5]));
  const narrow = engine.embedding({ ids, weight, dtype: 'f16' });
  expect(narrow.dtype).toBe('f16');
  expect(await narrow.read()).toEqual(await rows.read());
});

test('empty tensors go through', async () => {
  const x = tensor([], [0, 3]);
  const results = [
    engine.copy({ x }),
    engine.silu({ x }),
    engine.add({ a: x, b: x }),
    engine.rmsNorm({ x }).y,
    engine.embedding({ ids: tensor(new Int32Array(0)), weight: tensor([1, 2, 3], [1, 3]) }),
  ];
  for (const result of results) {
    expect(result.shape).toEqual([0, 3]);
    expect(await result.read()).toEqual(new Float32Array(0));
  }
  expect(encode([], 'f32').byteLength).toBe(0);
});
