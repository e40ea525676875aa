import { createRegistry, tensor } from '@ss/core';
import type { SampleArgs } from '@ss/core';
import { expect, test } from 'vitest';
import { NO_ADAPTER, softwareGpu } from '../../test/software-gpu.ts';
import { webgpu } from '../index.ts';

const gpu = await softwareGpu();

const [rows, vocabulary] = [3, 2500];
const uniform = tensor([0.0123, 0.5432, 0.9987], [rows]);

/** The vocabulary is larger than the list of likely ids; where what is wanted reaches beyond the list, all are walked. */
const distributions = {
  'a few likely ids': () => 4 * normal(),
  'hardly any difference': () => 0.01 * normal(),
  'thousands alike': () => Math.round(normal()),
  'all the same': () => 1,
};
const rules = {
  everything: {},
  'top 40': { topK: 40 },
  'top 600, more than the list': { topK: 600 },
  'top 0.9 of the weight': { topP: 0.9 },
  'no less than 0.2 of the largest': { minP: 0.2 },
  'all of them': { topK: 50, topP: 0.95, minP: 0.01, temperature: 0.7 },
  'the likeliest': { temperature: 0 },
} satisfies Record<string, Partial<SampleArgs>>;

let seed = 1;
function normal(): number {
  const next = (): number => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  return Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
}

test.for(Object.entries(distributions))('of a large vocabulary with %s', async ([, logit], { skip }) => {
  skip(gpu === undefined, NO_ADAPTER);
  const values = Float32Array.from({ length: rows * vocabulary }, logit);
  const logits = tensor(values, [rows, vocabulary]);
  const recentIds = tensor(
    Int32Array.from({ length: rows * 3 }, (_, i) => (i % 3) * 700),
    [rows, 3],
    'i32',
  );
  await using engine = await createRegistry([webgpu({ gpu })]).select({ require: 'webgpu' });
  await using reference = await createRegistry([]).select({ require: 'reference' });
  for (const [what, rule] of Object.entries(rules)) {
    for (const more of [{}, { recentIds, repetitionPenalty: 1.5 }]) {
      const args = { logits, uniform, ...rule, ...more };
      using actual = engine.sample(args);
      using expected = reference.sample(args);
      expect([what, ...(await actual.ids.read())]).toEqual([what, ...(await expected.ids.read())]);
    }
  }
});
