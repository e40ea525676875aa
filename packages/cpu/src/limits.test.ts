import { createRegistry, tensor } from '@ss/core';
import type { Engine, FloatDType } from '@ss/core';
import { expect } from 'vitest';
import { nativeTest as test, open } from '../test/native.ts';

/* What is infinite is handled at the limit, and what is absent is no factor of zero. */

const infinity = Infinity;
/** More than a vector of any instruction set, so that its body and its end are both met. */
const lanes = 19;
const row = (value: number, ...others: number[]) => [...others, ...Array<number>(lanes).fill(value)];
const numbers = async (y: { read(): Promise<ArrayLike<number | bigint>> }) =>
  Array.from(await y.read(), Number);

for (const dtype of ['f32', 'f16', 'bf16'] as const satisfies readonly FloatDType[]) {
  test(`silu and softplus of ${dtype} at their ends`, async () => {
    await using engine = await open({ threads: 1 });
    const x = tensor([...row(-infinity), ...row(infinity), ...row(NaN)], undefined, dtype);
    expect((await numbers(engine.silu({ x }))).map(Math.abs)).toEqual([
      ...row(0),
      ...row(infinity),
      ...row(NaN),
    ]);
    expect(await numbers(engine.softplus({ x }))).toEqual([...row(0), ...row(infinity), ...row(NaN)]);
  });
}

test('a gate that is closed for good lets nothing through, in a norm and back', async () => {
  await using engine = await open({ threads: 1 });
  const x = tensor(row(2, 1, 1), [1, lanes + 2]);
  const gate = tensor(row(-infinity, 1, 1), [1, lanes + 2]);
  const { y } = engine.rmsNorm({ x, gate });
  const [first, ...rest] = await numbers(y);
  expect(first).toBeGreaterThan(1);
  expect(rest.slice(1).map(Math.abs)).toEqual(row(0));
  const { dx, dgate } = engine.rmsNormBackward({ x, gate, dy: x });
  for (const gradient of [dx, dgate!]) {
    const [open, ...closed] = await numbers(gradient);
    expect(Number.isFinite(open)).toBe(true);
    expect(closed.slice(1).map(Math.abs)).toEqual(row(0));
  }
});

/** u, delta, B, C and z of one step and one state for each channel. */
function step(value: number): Record<'u' | 'delta' | 'A' | 'B' | 'C' | 'z', ReturnType<typeof tensor>> {
  const channels = tensor(row(1), [1, 1, lanes]);
  const state = tensor([1], [1, 1, 1]);
  const A = tensor(row(-1), [lanes, 1]);
  return { u: channels, delta: channels, A, B: state, C: state, z: tensor(row(value), [1, 1, lanes]) };
}

test('a gate of a scan at its ends, and back', async () => {
  await using engine = await open({ threads: 1 });
  const closed = step(-infinity);
  expect((await numbers(engine.selectiveScan(closed).y)).map(Math.abs)).toEqual(row(0));
  const dy = tensor(row(1), [1, 1, lanes]);
  const gradients = engine.selectiveScanBackward({ ...closed, dy });
  for (const name of ['du', 'ddelta', 'dz'] as const)
    expect((await numbers(gradients[name]!)).map(Math.abs)).toEqual(row(0));
  // y = s silu(z) with s = 1: the slope of silu is 1 where it is infinite.
  expect(await numbers(engine.selectiveScanBackward({ ...step(infinity), dy }).dz!)).toEqual(row(1));
});

test('without D an infinite input stays infinite', async () => {
  await using engine = await open({ threads: 1 });
  const u = tensor([1, infinity, 1, 2], [1, 4, 1]);
  const ones = tensor([1, 1, 1, 1], [1, 4, 1]);
  const scan = { u, delta: ones, A: tensor([-1], [1, 1]), B: ones, C: ones };
  expect((await numbers(engine.selectiveScan(scan).y)).slice(1)).toEqual([infinity, infinity, infinity]);
});

async function convolved(engine: Engine, weight: number[], activation?: 'silu'): Promise<number[][]> {
  const x = tensor([1, 2, 3, 4, 5], [1, 5, 1]);
  const call = { x, weight: tensor(weight, [1, weight.length]), ...(activation && { activation }) };
  const { dx, dweight } = engine.causalConv1dBackward({ ...call, dy: tensor([1, 1, 1, 1, 1], [1, 5, 1]) });
  return [await numbers(dx), await numbers(dweight)];
}

test('steps that no output comes from add nothing to the gradient of a convolution', async () => {
  await using engine = await open({ threads: 1 });
  // The last step is seen by the last weight alone, the one before by the last two, the others by all.
  const [dx] = await convolved(engine, [infinity, 2, 3]);
  expect(dx).toEqual([infinity, infinity, infinity, 5, 3]);
  // Sums of -infinity: silu and its slope are zero.
  const [, dweight] = await convolved(engine, [1, 1, -infinity], 'silu');
  expect(dweight!.map(Math.abs)).toEqual([0, 0, 0]);
});

test('logits that are not numbers are not hidden', async () => {
  await using engine = await open({ threads: 1 });
  const logits = tensor([1, NaN, 3, 4, 5, 6], [2, 3]);
  const targets = tensor(Int32Array.of(0, 0));
  expect(await numbers(engine.crossEntropy({ logits, targets }))).toEqual([NaN, expect.any(Number)]);
  const dloss = tensor([1, 1]);
  const gradient = await numbers(engine.crossEntropyBackward({ logits, targets, dloss }));
  expect(gradient.slice(0, 3)).toEqual([NaN, NaN, NaN]);
  expect(gradient.slice(3).every(Number.isFinite)).toBe(true);
});

test('a view of more axes than kernels walk is refused, not copied for ever', async () => {
  await using engine = await createRegistry([(await import('./cpu.ts')).cpu()]).select({ require: 'cpu' });
  const axes = 9;
  const whole = engine.zeros(Array<number>(axes).fill(4));
  // Every second element of every axis: none merges with its neighbour.
  let view: typeof whole = whole;
  for (let axis = 0; axis < axes; axis++) view = view.slice(axis, 0, 3);
  const refused: unknown = expect.objectContaining({
    code: 'op-unsupported',
    message: expect.stringContaining('9') as string,
  });
  expect(() => engine.silu({ x: view })).toThrow(refused as Error);
  expect(() => engine.copy({ x: view })).toThrow(refused as Error);
});
