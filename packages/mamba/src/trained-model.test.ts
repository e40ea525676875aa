import { tensor } from '@ss/core';
import { describe, expect, test } from 'vitest';
import { expected, trained, validation } from '../test/trained-model.ts';
import { registry, subjects } from '../test/subjects.ts';
import { loadModel } from './load-model.ts';
import type { MambaModel } from './model.ts';

// The float64 evaluation is rounded to 6 digits; f32 through 6 layers stays within a few 1e-5.
const tolerance = 1e-3;
const cases = expected.cases.map((wanted) => [wanted.prompt, wanted] as const);

describe.for(subjects)('the trained model on $id', ({ id, missing }) => {
  test.for(cases)('reads %j as a float64 evaluation does', async ([, wanted], { skip }) => {
    if (missing !== undefined) skip(missing);
    await using model = await loadModel(trained, { backend: id, registry });
    expect(model.encode(wanted.prompt)).toEqual(wanted.tokens);
    const logits = await model.logits(wanted.prompt);
    expect(logits.length).toBe(wanted.last_logits.length);
    const worst = wanted.last_logits.reduce(
      (most, value, i) => Math.max(most, Math.abs(value - logits[i]!)),
      0,
    );
    expect(worst).toBeLessThan(tolerance);
  });

  test.for(cases)('continues %j with the likeliest tokens', async ([, wanted], { skip }) => {
    if (missing !== undefined) skip(missing);
    await using model = await loadModel(trained, { backend: id, registry });
    const ids: number[] = [];
    let text = '';
    for await (const piece of model.generate(wanted.prompt, {
      temperature: 0,
      maxTokens: wanted.greedy_tokens.length,
    })) {
      ids.push(piece.id);
      text += piece.text;
    }
    expect(ids).toEqual(wanted.greedy_tokens);
    expect(text).toBe(wanted.greedy_text);
  });
});

/** Mean loss in nats over 4096 tokens, in windows of 256. */
async function validationLoss(model: MambaModel): Promise<number> {
  const ids = Int32Array.from(model.encode(validation));
  const window = 256;
  const losses: number[] = [];
  for (let start = 0; start + window < ids.length; start += window) {
    using logits = model.forward(tensor(ids.subarray(start, start + window), [1, window]));
    using rows = logits.reshape([window, model.config.rows]);
    const targets = tensor(ids.subarray(start + 1, start + 1 + window));
    using loss = model.engine.crossEntropy({ logits: rows, targets });
    losses.push(...(await loss.read()));
  }
  expect(losses.length).toBe(4096);
  return losses.reduce((sum, loss) => sum + loss) / losses.length;
}

describe('text it has not seen', () => {
  // 4096 tokens would take the reference backend half a minute.
  const quick = subjects.find(({ id }) => id === 'wasm')!;

  test('is predicted as well as by a float64 evaluation', async ({ skip }) => {
    if (quick.missing !== undefined) skip(quick.missing);
    await using model = await loadModel(trained, { backend: quick.id, registry });
    expect(await validationLoss(model)).toBeCloseTo(expected.validation_loss_nats_per_token, 4);
  });

  test('loses little with int8 weights', async ({ skip }) => {
    if (quick.missing !== undefined) skip(quick.missing);
    await using model = await loadModel(trained, { backend: quick.id, registry, weights: 'i8' });
    const loss = await validationLoss(model);
    let worst = 0;
    for (const { prompt, last_logits: truth } of expected.cases) {
      const logits = await model.logits(prompt);
      truth.forEach((value, i) => (worst = Math.max(worst, Math.abs(value - logits[i]!))));
    }
    // It measured 2.99381 against 2.99415, and 0.081; more than a few times that is a wrong scale or row.
    expect(Math.abs(loss - expected.validation_loss_nats_per_token)).toBeLessThan(0.002);
    expect(worst).toBeLessThan(0.2);
  });
});

test('the trained model is described by its tensors, without a word against its config', async () => {
  await using model = await loadModel(trained, { backend: 'reference' });
  expect(model.config).toEqual({
    dModel: 256,
    dInner: 512,
    dState: 16,
    dConv: 4,
    dtRank: 16,
    bias: false,
    convBias: true,
    normEps: 1e-5,
    layers: 6,
    rows: 1024,
    vocabulary: 1024,
    tied: true,
    eosIds: [0],
  });
  expect(model.warnings).toEqual([]);
  expect(model.decision?.chosen?.id).toBe('reference');
});
