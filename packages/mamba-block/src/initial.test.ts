import { expect, test } from 'vitest';
import { referenceEngine } from '../test/subjects.ts';
import { mambaConfig } from './config.ts';
import { initialBlock, initialValue } from './initial.ts';
import { blockParameters } from './parameters.ts';
import { CounterRandom } from './random.ts';

const config = mambaConfig({ dModel: 32, dState: 8, bias: true });
const value = (name: string, layers = 1): Float32Array =>
  initialValue(
    blockParameters(config).find((spec) => spec.name === name)!,
    config,
    new CounterRandom(3),
    layers,
  );
const largest = (values: Float32Array): number => values.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
const softplus = (x: number): number => Math.log1p(Math.exp(x));

test('A_log is log(1..N) on every channel, D and the norm are ones, projections have no bias', () => {
  const row = Array.from({ length: 8 }, (_, n) => Math.fround(Math.log(n + 1)));
  expect([...value('mixer.A_log')]).toEqual(Array.from({ length: 64 }, () => row).flat());
  expect(new Set(value('mixer.D'))).toEqual(new Set([1]));
  expect(new Set(value('norm.weight'))).toEqual(new Set([1]));
  expect(new Set([...value('mixer.in_proj.bias'), ...value('mixer.out_proj.bias')])).toEqual(new Set([0]));
});

test('time steps start between 0.001 and 0.1, spread evenly in their logarithm', () => {
  const steps = [...value('mixer.dt_proj.bias')].map(softplus);
  const rounding = 1e-6;
  for (const dt of steps) {
    expect(dt).toBeGreaterThan(1e-3 * (1 - rounding));
    expect(dt).toBeLessThan(0.1 * (1 + rounding));
  }
  const below = steps.filter((dt) => dt < 0.01).length;
  // Half of 64 lie in the lower decade, give or take 4 binomial deviations.
  expect(Math.abs(below - 32)).toBeLessThan(4 * 4);
});

test.for([
  ['mixer.in_proj.weight', 32 ** -0.5],
  ['mixer.x_proj.weight', 64 ** -0.5],
  ['mixer.dt_proj.weight', 2 ** -0.5],
  ['mixer.conv1d.weight', 4 ** -0.5],
  ['mixer.conv1d.bias', 4 ** -0.5],
  ['mixer.out_proj.weight', 64 ** -0.5],
] as const)('%s fills the interval of %f', ([name, bound]) => {
  const most = largest(value(name));
  expect(most).toBeLessThanOrEqual(Math.fround(bound));
  expect(most).toBeGreaterThan(0.8 * bound);
});

test('output projections of a deep model start smaller by the root of its depth', () => {
  const shallow = value('mixer.out_proj.weight', 1);
  const deep = value('mixer.out_proj.weight', 4);
  deep.forEach((x, i) => expect(x).toBeCloseTo(shallow[i]! / 2, 6));
});

test('a seed and a layer index make a block, whoever makes it', async () => {
  await using engine = await referenceEngine();
  const x = engine.tensor(
    Array.from({ length: 64 }, (_, i) => Math.sin(i)),
    [1, 2, 32],
  );
  const run = async (seed: number, index: number): Promise<Float32Array> => {
    using block = initialBlock(engine, config, { seed, index });
    using y = block.forward(x);
    return (await y.read()) as Float32Array;
  };
  const once = await run(1, 0);
  expect(await run(1, 0)).toEqual(once);
  expect(await run(2, 0)).not.toEqual(once);
  expect(await run(1, 1)).not.toEqual(once);
});
