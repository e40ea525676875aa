import { tensor } from '@ss/core';
import { describe, expect, test } from 'vitest';
import { engineOf } from '../test/engine-of.ts';
import { failureOf } from '../test/failure.ts';
import { randomModel, randomParameters } from './random-model.ts';

const shape = { dModel: 8, layers: 2, vocabulary: 20 };

describe('a random model', () => {
  test('is the same for the same seed, and another for another', async () => {
    const logits = async (seed: number): Promise<Float32Array> => {
      await using model = await randomModel(shape, { backend: 'reference', seed });
      return await model.logits([1, 2, 3]);
    };
    expect(await logits(1)).toEqual(await logits(1));
    expect(await logits(1)).not.toEqual(await logits(2));
  });

  test('says nothing yet: its logits are near each other', async () => {
    await using model = await randomModel({ ...shape, dModel: 64 }, { backend: 'reference' });
    const logits = await model.logits([1, 2, 3]);
    // 64 products of a normalised value and a weight of deviation 0.02: deviation 0.16.
    expect(Math.max(...logits.map(Math.abs))).toBeLessThan(6 * 0.16);
  });

  test('may have a head of its own, other sizes, narrow weights', async () => {
    await using model = await randomModel(
      { ...shape, untied: true, dState: 3, expand: 3, bias: true, eosIds: [7] },
      { backend: 'reference', weights: 'bf16' },
    );
    expect(model.config).toMatchObject({
      tied: false,
      dState: 3,
      dInner: 24,
      bias: true,
      eosIds: [7],
      rows: 20,
    });
    expect([model.parts.headWeight?.dtype, model.parts.embedding.dtype]).toEqual(['bf16', 'bf16']);
    expect((await model.logits([1])).length).toBe(20);
  });

  test('has the weights that are listed for its seed', async () => {
    await using model = await randomModel(shape, { backend: 'reference', seed: 4 });
    const [embedding] = randomParameters(shape, 4);
    using rows = model.embed(tensor(Int32Array.from({ length: 20 }, (_, id) => id)));
    expect(await rows.read()).toEqual(embedding!.values());
    expect(randomParameters(shape, 5)[0]!.values()).not.toEqual(embedding!.values());
  });

  test.for([{ layers: 0 }, { vocabulary: 1.5 }, { dModel: -1 }])('with %o is refused', async (wrong) => {
    expect(await failureOf(randomModel({ ...shape, ...wrong }, { backend: 'reference' }))).toMatchObject({
      code: 'config-invalid',
    });
  });

  test('that is aborted leaves nothing', async () => {
    const engine = await engineOf();
    const controller = new AbortController();
    setImmediate(() => controller.abort());
    expect(await failureOf(randomModel(shape, { engine, signal: controller.signal }))).toMatchObject({
      code: 'aborted',
    });
    expect(engine.memory()).toMatchObject({ liveBytes: 0, tensorBytes: 0 });
  });
});
