import { describe, expect, test } from 'vitest';
import { expected, trained } from '../test/trained-model.ts';
import { registry, subjects } from '../test/subjects.ts';
import { loadModel } from './load-model.ts';

// The float64 evaluation is rounded to 6 digits; f32 through 6 layers stays within a few 1e-5.
const tolerance = 1e-3;

describe.for(subjects)('the trained model on $id', ({ id, missing }) => {
  test.for(expected.cases)('reads $prompt as a float64 evaluation does', async (wanted, { skip }) => {
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

  test.for(expected.cases)('continues $prompt with the likeliest tokens', async (wanted, { skip }) => {
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
