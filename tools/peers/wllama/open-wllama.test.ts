import { setupCommand } from '@ss/cli/against';
import { expect, test } from 'vitest';
import { chromiumPath, NO_CHROMIUM } from '../../../test/browser/chromium.ts';
import { isInstalled } from '../installed.ts';
import { openWllama } from './open-wllama.ts';

test('log-probabilities of wasm in a page are those of wllama beside it, and both keep count', async ({
  skip,
}) => {
  skip(!isInstalled('@wllama/wllama'), `wllama is not installed: ${setupCommand('wllama')}`);
  skip(chromiumPath() === undefined, NO_CHROMIUM);
  const config = { dModel: 64, layers: 2, vocabulary: 200 };
  const request = {
    config,
    seed: 5,
    weights: 'f32',
    ownWeights: 'f32',
    threads: 1,
    contextLength: 64,
  } as const;
  await using theirs = await openWllama(request);
  const prompt = Array.from({ length: 20 }, (_, i) => 2 + ((i * 31) % 92));
  const [expected, actual] = [await theirs.logProbs(prompt), await theirs.ours!.logProbs(prompt)];
  expect(expected).toHaveLength(200);
  actual.forEach((value, id) => expect(Math.abs(value - expected[id]!)).toBeLessThan(1e-3));
  for (const side of [theirs, theirs.ours!]) {
    expect(await side.prefill(prompt)).toBeGreaterThan(0);
    expect(await side.decode(prompt, 5)).toBeGreaterThan(0);
  }
});
