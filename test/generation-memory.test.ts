import { join } from 'node:path';
import { createRegistry } from '@ss/core';
import type { Engine } from '@ss/core';
import { cpu } from '@ss/cpu';
import { loadModel, randomModel } from '@ss/mamba';
import type { MambaModel } from '@ss/mamba';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ROOT } from './helpers/repository.ts';

/* What a program holds while it generates is its weights, and little else. */

const probe = await cpu().probe();
const NOT_BUILT = '@ss/cpu is not built here';
const MiB = 2 ** 20;
/** What activations and buffers of a few kilobytes take whatever the model is. */
const SMALL = 4 * MiB;
/** As packages/cpu/src/backend.ts has it: so long it remembers what was needed, and once more. */
const windowMilliseconds = 2000;

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

const models: Record<string, (engine: Engine) => Promise<MambaModel>> = {
  'a loaded model': (engine) => loadModel(join(ROOT, 'test/models/tiny-shakespeare'), { engine }),
  'a model of 33 MiB': (engine) => randomModel({ dModel: 256, layers: 8, vocabulary: 20_000 }, { engine }),
  'the same in bf16, packed from f32': (engine) =>
    randomModel({ dModel: 256, layers: 8, vocabulary: 20_000 }, { engine, weights: 'bf16' }),
};

test.for(Object.keys(models))('%s takes at most its weights and 15 percent', async (name, { skip }) => {
  skip(!probe.available, NOT_BUILT);
  await using engine = await createRegistry([cpu({ threads: 2 })]).select({ require: 'cpu' });
  await using model = await models[name]!(engine);
  await engine.sync();
  const weights = engine.memory().liveBytes;
  // Nothing that was read or packed is kept.
  expect(engine.memory().reservedBytes).toBeLessThan(1.01 * weights + MiB);

  const prompt = Array.from({ length: 300 }, (_, i) => 1 + (i % 50));
  let tokens = 0;
  for await (const _ of model.generate(prompt, { maxTokens: 40, stopIds: [] })) {
    // The prompt needed more than a token does.
    vi.advanceTimersByTime(windowMilliseconds / 4);
    if (tokens++ < 8) continue;
    expect(engine.memory().reservedBytes).toBeLessThan(1.15 * weights + SMALL);
  }
  expect(tokens).toBe(40);
});
