import { createRegistry } from '@ss/core';
import type { Engine, Tensor, WeightDType } from '@ss/core';
import { expect, test } from 'vitest';
import { cpu } from './index.ts';

/** More k than are at hand at once, and outputs that fill neither the last panel nor the last group of panels. */
const K = 1700;
const M = 203;
const numbers = (count: number, seed: number): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => Math.sin(i * 0.37 + seed) + 0.1 * Math.cos(i * 1.7));
const weight = numbers(M * K, 2);
const bias = numbers(M, 3);

async function open(threads: number): Promise<Engine> {
  return await createRegistry([cpu({ threads })]).select({ require: 'cpu' });
}

/** y of the first `rows` of x. */
async function product(engine: Engine, packed: Tensor, x: Float32Array, rows: number): Promise<Float32Array> {
  using input = engine.tensor(x.subarray(0, rows * K), [rows, K]);
  using beside = engine.tensor(bias, [M]);
  using y = engine.linear({ x: input, weight: packed, bias: beside });
  return Float32Array.from(await y.read());
}

const forms: readonly (WeightDType | 'not packed')[] = ['not packed', 'f32', 'f16', 'bf16', 'i8'];

test.each(forms)(
  'a row of a product has the same bits among any number of rows, on any threads: %s',
  async (form) => {
    const most = 400;
    const x = numbers(most * K, 1);
    const single: Float32Array[] = [];
    for (const threads of [1, 2, 3]) {
      await using engine = await open(threads);
      using source = engine.tensor(weight, [M, K]);
      using packed = form === 'not packed' ? engine.copy({ x: source }) : engine.pack(source, form);
      if (single.length === 0) {
        for (let r = 0; r < 26; r++) single.push(await product(engine, packed, x.subarray(r * K), 1));
      }
      for (const rows of [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 26, 400]) {
        const y = await product(engine, packed, x, rows);
        for (let r = 0; r < Math.min(rows, single.length); r++) {
          expect(y.subarray(r * M, (r + 1) * M), `row ${r} of ${rows} on ${threads} threads`).toEqual(
            single[r],
          );
        }
      }
    }
  },
);

test('packed as f32 or not packed at all, a product has the same bits', async () => {
  await using engine = await open(2);
  using source = engine.tensor(weight, [M, K]);
  using packed = engine.pack(source);
  const x = numbers(30 * K, 4);
  for (const rows of [1, 30]) {
    expect(await product(engine, source, x, rows)).toEqual(await product(engine, packed, x, rows));
  }
});

test('what f16 or i8 cannot say is refused while packing', async () => {
  await using engine = await open(1);
  for (const [value, as] of [
    [Infinity, 'i8'],
    [Number.NaN, 'i8'],
    [Number.NaN, 'f16'],
    [7e4, 'f16'],
  ] as const) {
    using source = engine.tensor([1, 2, value, 3], [2, 2]);
    using packed = engine.pack(source, as);
    using ids = engine.tensor([0], [1], 'i32');
    using looked = engine.embedding({ ids, weight: packed });
    await expect(looked.read()).rejects.toThrow('pack it as f32');
    await expect(engine.sync()).rejects.toThrow('pack');
  }
});

test('an id outside the weight is named with its position', async () => {
  await using engine = await open(2);
  using source = engine.tensor([1, 2, 3, 4], [2, 2]);
  using ids = engine.tensor([0, 1, 2, -1], [4], 'i32');
  using y = engine.embedding({ ids, weight: source });
  await expect(y.read()).rejects.toMatchObject({ cause: { message: expect.stringContaining('position 2') } });
  await expect(engine.sync()).rejects.toThrow('embedding');
});
