import { tensor } from '@ss/core';
import type { Tensor } from '@ss/core';
import { describe, expect, test } from 'vitest';
import { failureOf } from '../../test/failure.ts';
import { registry, subjects } from '../../test/subjects.ts';
import type { MambaModel } from '../model.ts';
import { randomModel } from '../random-model.ts';
import type { Piece } from './generation.ts';

const vocabulary = 12;

/** A model after whose token 7 every logit is this one, and which draws 7 whenever it can. */
async function faulty(backend: string, logit: number): Promise<{ model: MambaModel; free(): void }> {
  const healthy = await randomModel(
    { dModel: 8, layers: 1, vocabulary, untied: true },
    { backend, registry },
  );
  const { engine } = healthy;
  // Row 7 of the embedding is the fault; the head turns everything else towards 7.
  const embedding = Array.from({ length: vocabulary * 8 }, (_, i) => (Math.floor(i / 8) === 7 ? logit : 1));
  const head = Array.from({ length: vocabulary * 8 }, (_, i) => (Math.floor(i / 8) === 7 ? 1 : -1));
  const weights: Tensor[] = [embedding, head].map((values) => {
    using plain = engine.tensor(values, [vocabulary, 8]);
    return engine.pack(plain);
  });
  const model = healthy.with({ embedding: weights[0]!, headWeight: weights[1] });
  return {
    model,
    free: () => {
      weights.forEach((weight) => weight.dispose());
      void healthy.dispose();
    },
  };
}

async function piecesUntilFault(pieces: AsyncIterable<Piece>): Promise<[ids: number[], error: unknown]> {
  const ids: number[] = [];
  try {
    for await (const { id } of pieces) ids.push(id);
  } catch (error) {
    return [ids, error];
  }
  return [ids, undefined];
}

describe.for(subjects)('logits that are no distribution on $id', ({ id, missing }) => {
  test.for([NaN, Infinity])('end a generation in the step that gives them: %d', async (fault, { skip }) => {
    if (missing !== undefined) skip(missing);
    const { model, free } = await faulty(id, fault);
    for (const temperature of [0, 0.8]) {
      for (const repetitionPenalty of [1, 1.1]) {
        const generation = model.generate([1, 2], {
          maxTokens: 5,
          temperature,
          repetitionPenalty,
          stopIds: [],
        });
        const [ids, error] = await piecesUntilFault(generation);
        expect(ids).toEqual([7]);
        expect(error).toMatchObject({ code: 'numerics-invalid', details: { step: 1 } });
        expect(generation.summary).toMatchObject({ reason: 'failed', tokens: 1 });
      }
    }
    await model.dispose();
    free();
  });

  test('name the prompt of a batch; a text that has ended disturbs nobody', async ({ skip }) => {
    if (missing !== undefined) skip(missing);
    const { model, free } = await faulty(id, NaN);
    const batch = model.generateBatch([[7], [1]], { maxTokens: 3, temperature: 0, stopIds: [] });
    const [, error] = await piecesUntilFault(batch);
    expect(error).toMatchObject({ code: 'numerics-invalid', details: { prompt: 0, step: 0 } });
    // Both draw 7 and end with it, and run on where NaN comes after it.
    const ended = model.generateBatch([[1], [2], [3]], { maxTokens: 3, temperature: 0, stopIds: [7] });
    expect((await piecesUntilFault(ended))[0]).toEqual([7, 7, 7]);
    await model.dispose();
    free();
  });

  test('leave a session as it was before the step', async ({ skip }) => {
    if (missing !== undefined) skip(missing);
    const { model, free } = await faulty(id, NaN);
    const session = model.session();
    const [ids] = await piecesUntilFault(
      model.generate([1, 2], { temperature: 0, state: session, stopIds: [] }),
    );
    expect([ids, session.tokens]).toEqual([[7], [1, 2, 7]]);
    expect(await failureOf(session.logits())).toMatchObject({ code: 'numerics-invalid' });
    expect(session.tokens).toEqual([1, 2, 7]);
    session.rewind(2);
    expect(
      await piecesUntilFault(model.generate([], { maxTokens: 1, temperature: 0, state: session })),
    ).toEqual([[7], undefined]);
    expect(await failureOf(model.logits([7]))).toMatchObject({ code: 'numerics-invalid' });
    await model.dispose();
    free();
  });

  test('in the padding are nothing', async ({ skip }) => {
    if (missing !== undefined) skip(missing);
    await using model = await randomModel({ dModel: 8, layers: 1, vocabulary }, { backend: id, registry });
    using ids = model.engine.argmax({ logits: tensor([1, 2, NaN], [1, 3]), vocabulary: 2 });
    expect(await ids.read()).toEqual(new Int32Array([1]));
  });
});
