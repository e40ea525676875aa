import { expect, test } from 'vitest';
import { Engine } from '../engine/engine.ts';
import { tensor } from '../host.ts';
import { noise } from '../../test/noise.ts';
import { createReferenceBackend } from './index.ts';

const engine = new Engine(createReferenceBackend());
const identity = (K: number): Float32Array =>
  Float32Array.from({ length: K * K }, (_, i) => (i % (K + 1) === 0 ? 1 : 0));

test('every value is within half a scale, and the largest of a row is exact', async () => {
  const [M, K] = [5, 7];
  const weight = tensor(
    noise([M, K], 1).map((w, i) => w * 10 ** (Math.floor(i / K) - 2)),
    [M, K],
  );
  using packed = engine.pack(weight, 'i8');
  expect(packed).toMatchObject({ shape: [M, K], dtype: 'f32', format: 'reference:i8' });
  expect(packed.storage.byteLength).toBe(4 * M + M * K);
  // The columns of W^T x for unit vectors x are its values.
  const product = engine.linear({ x: tensor(identity(K), [K, K]), weight: packed });
  const rows = engine.embedding({ ids: tensor(Int32Array.from({ length: M }, (_, m) => m)), weight: packed });
  const given = await weight.read();
  const kept = await rows.read();
  expect(await product.permute(1, 0).read()).toEqual(kept);
  for (let m = 0; m < M; m++) {
    const largest = Math.max(...given.subarray(m * K, (m + 1) * K).map(Math.abs));
    for (let k = m * K; k < (m + 1) * K; k++) {
      expect(Math.abs(kept[k]! - given[k]!)).toBeLessThanOrEqual((largest / 127 / 2) * (1 + 1e-6));
      if (Math.abs(given[k]!) === largest) expect(kept[k]).toBeCloseTo(given[k]!, 6);
    }
  }
});

test('ties go to the even integer, zeros stay zero', async () => {
  const weight = tensor([127, 0.5, 1.5, -0.5, -2.5, 3, 0, 0, 0, 0, 0, 0], [2, 6]);
  const rows = engine.embedding({ ids: tensor(new Int32Array([0, 1])), weight: engine.pack(weight, 'i8') });
  expect(Array.from(await rows.read(), (w) => w + 0)).toEqual([127, 0, 2, 0, -2, 3, 0, 0, 0, 0, 0, 0]);
});

test('any view of any dtype is packed', async () => {
  const weight = tensor([1, 2, 3, 4], [2, 2], 'bf16').permute(1, 0);
  const rows = engine.embedding({ ids: tensor(new Int32Array([0, 1])), weight: engine.pack(weight, 'i8') });
  const scales = [3 / 127, 4 / 127];
  const expected = [1, 3, 2, 4].map((w, i) => Math.round(w / scales[i >> 1]!) * Math.fround(scales[i >> 1]!));
  expect(await rows.read()).toEqual(Float32Array.from(expected));
});

test('a row that is not finite fails, and everything made from it', async () => {
  const packed = engine.pack(tensor([1, Infinity], [1, 2]), 'i8');
  const y = engine.linear({ x: tensor([1, 1], [1, 2]), weight: packed });
  await expect(y.read()).rejects.toThrow(/row 0 of the weight is not finite/);
  await engine.sync().catch(() => undefined);
});

test('the other dtypes are dense tensors of that dtype', async () => {
  using packed = engine.pack(tensor([1.001, 2], [1, 2]), 'bf16');
  expect(packed).toMatchObject({ dtype: 'bf16', format: undefined });
  expect(await packed.read()).toEqual(new Float32Array([1, 2]));
});
