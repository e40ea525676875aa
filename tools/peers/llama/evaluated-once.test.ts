import { setupCommand } from '@ss/cli/against';
import { beforeEach, expect, test } from 'vitest';
import { isInstalled } from '../installed.ts';
import { openLlama } from './open-llama.ts';

beforeEach(({ skip }) =>
  skip(!isInstalled('node-llama-cpp'), `llama.cpp is not installed: ${setupCommand('llama.cpp')}`),
);

const request = {
  config: { dModel: 64, layers: 1, vocabulary: 200 },
  seed: 0,
  weights: 'f32',
  ownWeights: 'f32',
  threads: 1,
  contextLength: 512,
} as const;
const prompt = Array.from({ length: 512 }, (_, i) => (i * 7919) % 200);

test('a prompt is evaluated once, and so is what follows it', async () => {
  await using llama = await openLlama(request);
  expect(llama.manner.settings).toMatch(/context 2048, batch 512$/);
  expect(await llama.prefill(prompt)).toBeGreaterThan(0);
  expect(await llama.decode(prompt.slice(0, 20), 5)).toBeGreaterThan(0);
});

test('in a context as long as the prompt it is evaluated in part twice, which is refused', async () => {
  await using llama = await openLlama(request, 512);
  await expect(llama.prefill(prompt)).rejects.toMatchObject({
    code: 'peer-failed',
    details: { asked: 512, evaluated: 923 },
  });
});
