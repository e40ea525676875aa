import { expect, test } from 'vitest';
import { Engine } from '../engine/engine.ts';
import { tensor } from '../host.ts';
import type { Tensor } from '../tensor.ts';
import { createReferenceBackend } from './index.ts';
import { scalar } from './scalar.ts';

const engine = new Engine(createReferenceBackend());
const f64 = (values: readonly number[], ...shape: number[]): Tensor => tensor(values, shape, 'f64');
const read = async (t: Tensor): Promise<number[]> => Array.from((await t.read()) as Float64Array);

test('activations have their limits at both infinities, and NaN stays NaN', () => {
  const ends = [-Infinity, -1e300, 0, 1e300, Infinity, NaN];
  expect(ends.map(scalar.sigmoid)).toEqual([0, 0, 0.5, 1, 1, NaN]);
  expect(ends.map((x) => scalar.silu(x) + 0)).toEqual([0, 0, 0, 1e300, Infinity, NaN]);
  expect(ends.map((x) => scalar.siluSlope(x) + 0)).toEqual([0, 0, 0.5, 1, 1, NaN]);
  expect(ends.map(scalar.softplus)).toEqual([0, 0, Math.log(2), 1e300, Infinity, NaN]);
});

const scan = { A: f64([-1], 1, 1), B: f64([1, 1, 1, 1], 1, 4, 1), C: f64([1, 1, 1, 1], 1, 4, 1) };
const delta = f64([1, 1, 1, 1], 1, 4, 1);

test('infinity in a scan without a skip connection is infinity from then on', async () => {
  const { y } = engine.selectiveScan({ ...scan, u: f64([1, Infinity, 1, 2], 1, 4, 1), delta });
  expect(await read(y)).toEqual([1, Infinity, Infinity, Infinity]);
});

test('a decay of minus infinity forgets, and is NaN for a step of no length', async () => {
  const A = f64([-Infinity], 1, 1);
  const u = f64([1, 2, 3, 4], 1, 4, 1);
  const { y } = engine.selectiveScan({ ...scan, A, u, delta: f64([1, 1, 0, 1], 1, 4, 1) });
  expect(await read(y)).toEqual([1, 2, NaN, NaN]);
});

test('an initial state that is absent is zero', async () => {
  const u = f64([1, Infinity, -2, NaN], 1, 4, 1);
  const args = { ...scan, u, delta: f64([1, 0, Infinity, 1], 1, 4, 1) };
  const absent = engine.selectiveScan(args);
  const given = engine.selectiveScan({ ...args, initialState: f64([0], 1, 1, 1) });
  expect(await read(absent.y)).toEqual(await read(given.y));
});

test.each([
  ['NaN', [NaN, 1, 2]],
  ['infinity', [Infinity, 1, 2]],
  ['nothing but minus infinity', [-Infinity, -Infinity, -Infinity]],
])('logits with %s are no distribution', async (_, row) => {
  const args = { logits: f64(row, 1, 3), targets: tensor(Int32Array.of(1)) };
  expect(await read(engine.crossEntropy(args))).toEqual([NaN]);
  expect(await read(engine.crossEntropyBackward({ ...args, dloss: f64([1], 1) }))).toEqual([NaN, NaN, NaN]);
});

test('a logit of minus infinity is an id that cannot be', async () => {
  const args = { logits: f64([-Infinity, 0, 0], 1, 3), targets: tensor(Int32Array.of(1)) };
  expect(await read(engine.crossEntropy(args))).toEqual([Math.log(2)]);
  expect(await read(engine.crossEntropyBackward({ ...args, dloss: f64([1], 1) }))).toEqual([0, -0.5, 0.5]);
});
