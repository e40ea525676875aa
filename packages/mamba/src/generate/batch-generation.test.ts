import { describe, expect, test } from 'vitest';
import { engineOf } from '../../test/engine-of.ts';
import { failureOf } from '../../test/failure.ts';
import { registry, subjects } from '../../test/subjects.ts';
import { trained } from '../../test/trained-model.ts';
import { loadModel } from '../load-model.ts';
import type { MambaModel } from '../model.ts';
import { randomModel } from '../random-model.ts';
import type { BatchGeneration, BatchOptions, BatchPiece } from './batch-generation.ts';
import type { Piece } from './generation.ts';

const shape = { dModel: 16, layers: 2, vocabulary: 40 };
// Of one token, which leaves nothing to run ahead; and longer than most of the chunks below.
const prompts = [[3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5], [7], [2, 7, 1, 8], [1, 6, 1, 8, 0, 3, 3]];
const seed = 5;

async function alone(model: MambaModel, options: BatchOptions): Promise<Piece[][]> {
  const all: Piece[][] = [];
  for (const [i, prompt] of prompts.entries()) {
    const pieces: Piece[] = [];
    for await (const piece of model.generate(prompt, { ...options, seed: seed + i })) pieces.push(piece);
    all.push(pieces);
  }
  return all;
}

async function byPrompt(generation: BatchGeneration): Promise<Piece[][]> {
  const all: Piece[][] = prompts.map(() => []);
  for await (const { prompt, ...piece } of generation) all[prompt]!.push(piece);
  return all;
}

describe.for(subjects)('a batch on $id', ({ id, missing }) => {
  test.for<[string, BatchOptions]>([
    ['drawn', { maxTokens: 12 }],
    ['greedy', { maxTokens: 12, temperature: 0 }],
    ['with everything', { maxTokens: 12, topK: 20, topP: 0.9, minP: 0.01, temperature: 1.5 }],
    ['with a repetition penalty', { maxTokens: 12, repetitionPenalty: 1.5, repetitionWindow: 5 }],
    ['that end at different times', { maxTokens: 30, temperature: 3, topP: 1, stopIds: [3, 7, 11, 19, 23] }],
    ['in chunks that cut prompts', { maxTokens: 4, chunk: 4 }],
    ['in chunks of one', { maxTokens: 4, chunk: 1 }],
    ['in a chunk as long as all', { maxTokens: 4, chunk: 19 }],
  ])('of texts %s gives what each gives alone', async ([, options], { skip }) => {
    if (missing !== undefined) skip(missing);
    await using model = await randomModel(shape, { backend: id, registry, seed: 3 });
    const expected = await alone(model, options);
    // Both backends promise the same bits for any number of rows.
    expect(await byPrompt(model.generateBatch(prompts, { ...options, seed }))).toEqual(expected);
    if (options.stopIds) expect(new Set(expected.map(({ length }) => length)).size).toBeGreaterThan(2);
  });

  test('of normalised dt, B and C, too', async ({ skip }) => {
    if (missing !== undefined) skip(missing);
    await using model = await randomModel({ ...shape, selectionNormEps: 1e-6 }, { backend: id, registry });
    const expected = await alone(model, { maxTokens: 6 });
    expect(await byPrompt(model.generateBatch(prompts, { maxTokens: 6, seed }))).toEqual(expected);
  });

  test('frees everything at a break, and at the end', async ({ skip }) => {
    if (missing !== undefined) skip(missing);
    await using model = await randomModel(shape, { backend: id, registry });
    const before = model.engine.memory().liveBytes;
    const generation = model.generateBatch(prompts, { maxTokens: 9, chunk: 4 });
    for await (const piece of generation) if (piece.index === 2) break;
    expect(model.engine.memory().liveBytes).toBe(before);
    await model.generateBatch(prompts, { maxTokens: 2 }).texts();
    expect(model.engine.memory().liveBytes).toBe(before);
  });

  test('draws the text of every prompt', async ({ skip }) => {
    if (missing !== undefined) skip(missing);
    await using model = await loadModel(trained, { backend: id, registry });
    const texts = ['ROMEO:\nI', 'KING HENRY:', 'The'];
    const options = { maxTokens: 6, stop: ['\n'] };
    const expected: string[] = [];
    for (const [i, text] of texts.entries())
      expected.push(await model.generate(text, { ...options, seed: seed + i }).text());
    expect(await model.generateBatch(texts, { ...options, seed }).texts()).toEqual(expected);
  });
});

const small = (): Promise<MambaModel> => randomModel(shape, { backend: 'reference', seed: 3 });

describe('pieces of a batch', () => {
  test('come in turn, until each text ends', async () => {
    await using model = await small();
    const stopIds = [3, 7, 11, 19, 23];
    const options = { maxTokens: 30, temperature: 3, topP: 1, stopIds, seed };
    const pieces: BatchPiece[] = [];
    const generation = model.generateBatch(prompts, options);
    expect(generation.summary).toBeUndefined();
    for await (const piece of generation) pieces.push(piece);
    const order = pieces.map(({ index, prompt }) => index * prompts.length + prompt);
    expect(order).toEqual(order.toSorted((a, b) => a - b));
    const own = prompts.map((_, prompt) => pieces.filter((piece) => piece.prompt === prompt));
    expect(generation.summary).toMatchObject({
      tokens: pieces.length,
      promptTokens: prompts.flat().length,
      backend: 'reference',
      texts: own.map((of, i) => ({
        tokens: of.length,
        promptTokens: prompts[i]!.length,
        seed: seed + i,
        reason: stopIds.includes(of.at(-1)!.id) ? 'stop-id' : 'length',
      })),
    });
  });

  test('are not drawn before they are asked for', async () => {
    await using model = await small();
    const generation = model.generateBatch(prompts);
    await generation.return();
    expect(generation.summary).toBeUndefined();
    expect(await generation.next()).toEqual({ done: true, value: undefined });
  });
});

describe('a batch that is stopped says of each text how it ended:', () => {
  test('left', async () => {
    await using model = await small();
    const generation = model.generateBatch(prompts, { maxTokens: 2 });
    for await (const { prompt, index } of generation) if (index === 1 && prompt === 1) break;
    expect(generation.summary!.texts.map(({ reason, tokens }) => [reason, tokens])).toEqual([
      ['length', 2],
      ['length', 2],
      ['cancelled', 1],
      ['cancelled', 1],
    ]);
  });

  test.for([0, 3])('aborted after %d pieces', async (count) => {
    await using model = await small();
    const controller = new AbortController();
    const generation = model.generateBatch(prompts, { signal: controller.signal });
    for (let i = 0; i < count; i++) await generation.next();
    controller.abort();
    const rest = (async () => {
      for await (const _ of generation);
    })();
    expect(await failureOf(rest)).toMatchObject({ code: 'aborted' });
    const { summary } = generation;
    if (count > 0) expect(summary!.texts.map(({ reason }) => reason)).toEqual(prompts.map(() => 'aborted'));
  });

  test('freed with the model', async () => {
    const engine = await engineOf();
    const model = await randomModel(shape, { engine });
    const generation = model.generateBatch(prompts);
    await generation.next();
    await model.dispose();
    expect(engine.memory().tensorBytes).toBe(0);
    for (let i = 1; i < prompts.length; i++) await generation.next();
    expect(await failureOf(generation.next())).toMatchObject({ code: 'session-disposed' });
    expect(generation.summary!.texts[0]).toMatchObject({ reason: 'failed', tokens: 1 });
    await engine.dispose();
  });
});

describe('a batch is refused', () => {
  test.for<[string, number[][], BatchOptions, string]>([
    ['without prompts', [], {}, 'prompt-empty'],
    ['with an empty prompt', [[1], []], {}, 'prompt-empty'],
    ['with an id that is none', [[1], [40]], {}, 'token-invalid'],
    ['with an option that means nothing', [[1]], { topP: 2 }, 'generate-option'],
    ['with a seed that leaves no room', [[1], [2]], { seed: Number.MAX_SAFE_INTEGER }, 'generate-option'],
    ['with stop strings but no tokenizer', [[1]], { stop: 'x' }, 'tokenizer-missing'],
  ])('%s', async ([, given, options, code]) => {
    await using model = await small();
    expect(() => model.generateBatch(given, options)).toThrow(expect.objectContaining({ code }));
    expect(() => model.generateBatch([[1]], { seed: Number.MAX_SAFE_INTEGER })).not.toThrow();
  });
});
