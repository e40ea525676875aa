import { beforeAll, describe, expect, test } from 'vitest';
import { engineOf, watchedBackend } from '../../test/engine-of.ts';
import { failureOf } from '../../test/failure.ts';
import { registry, subjects } from '../../test/subjects.ts';
import { trained } from '../../test/trained-model.ts';
import { loadModel } from '../load-model.ts';
import type { MambaModel } from '../model.ts';
import { randomModel } from '../random-model.ts';
import type { Piece } from './generation.ts';
import type { GenerateOptions } from './options.ts';

const shape = { dModel: 16, layers: 2, vocabulary: 40 };
const prompt = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5];

async function idsOf(model: MambaModel, options: GenerateOptions = {}): Promise<number[]> {
  const ids: number[] = [];
  for await (const { id } of model.generate(prompt, { maxTokens: 12, seed: 1, ...options })) ids.push(id);
  return ids;
}

/** A model on a reference backend of its own, whose memory can be watched. */
async function watched(before?: () => void): Promise<MambaModel> {
  return await randomModel(shape, { engine: await engineOf(watchedBackend(before)) });
}

describe.for(subjects)('on $id', ({ id, missing }) => {
  test('one seed draws one text, another seed another', async ({ skip }) => {
    if (missing !== undefined) skip(missing);
    await using model = await randomModel(shape, { backend: id, registry });
    const once = await idsOf(model);
    expect(await idsOf(model)).toEqual(once);
    expect(await idsOf(model, { seed: 2 })).not.toEqual(once);
    expect(once.length).toBe(12);
  });

  test('generations in turn give what they give alone', async ({ skip }) => {
    if (missing !== undefined) skip(missing);
    await using model = await randomModel(shape, { backend: id, registry });
    const options = [{ seed: 1 }, { seed: 2, temperature: 2, topK: 5 }, { temperature: 0 }];
    const alone: number[][] = [];
    for (const option of options) alone.push(await idsOf(model, option));
    const together = options.map((option) => model.generate(prompt, { maxTokens: 12, seed: 1, ...option }));
    const drawn: number[][] = options.map(() => []);
    for (let i = 0; i < 12; i++) {
      for (const [k, generation] of together.entries()) {
        const { value } = await generation.next();
        drawn[k]!.push(value!.id);
      }
    }
    for (const generation of together) await generation.return();
    expect(drawn).toEqual(alone);
    // At once instead of in turn.
    expect(await Promise.all(options.map((option) => idsOf(model, option)))).toEqual(alone);
  });

  test('the chunks of a prompt make no difference that is worth a token', async ({ skip }) => {
    if (missing !== undefined) skip(missing);
    await using model = await randomModel(shape, { backend: id, registry });
    const whole = await idsOf(model, { temperature: 0 });
    for (const chunk of [1, 2, 3, 5, 10, 11])
      expect(await idsOf(model, { temperature: 0, chunk })).toEqual(whole);
  });

  test('padding is never drawn, however likely', async ({ skip }) => {
    if (missing !== undefined) skip(missing);
    await using full = await randomModel(shape, { backend: id, registry });
    await using padded = full.with({ config: { ...full.config, vocabulary: 10 } });
    const ids = await Promise.all(
      [0, 1, 2, 3].map((seed) => idsOf(padded, { seed, temperature: 3, topP: 1 })),
    );
    expect(Math.max(...ids.flat())).toBeLessThan(10);
    expect(Math.max(...(await idsOf(full, { temperature: 3, topP: 1 })))).toBeGreaterThanOrEqual(10);
  });

  test('a repetition penalty keeps tokens from coming back', async ({ skip }) => {
    if (missing !== undefined) skip(missing);
    await using model = await randomModel(shape, { backend: id, registry });
    const free = await idsOf(model, { temperature: 0, maxTokens: 20 });
    const penalised = await idsOf(model, {
      temperature: 0,
      maxTokens: 20,
      repetitionPenalty: 1e6,
      repetitionWindow: 40,
    });
    expect(new Set(free).size).toBeLessThan(20);
    expect(new Set([...penalised, ...prompt]).size).toBe(20 + new Set(prompt).size);
  });

  test('a break frees everything at once, and so does the end', async ({ skip }) => {
    if (missing !== undefined) skip(missing);
    await using model = await randomModel(shape, { backend: id, registry });
    const before = model.engine.memory().liveBytes;
    const generation = model.generate(prompt, { maxTokens: 12, chunk: 4 });
    for await (const piece of generation) if (piece.index === 3) break;
    expect(model.engine.memory().liveBytes).toBe(before);
    expect(generation.summary).toMatchObject({ reason: 'cancelled', tokens: 4 });
    await idsOf(model);
    expect(model.engine.memory().liveBytes).toBe(before);
  });
});

describe('pieces', () => {
  test('have an index, and the log probability of the model itself', async () => {
    await using model = await randomModel(shape, { backend: 'reference' });
    const pieces: Piece[] = [];
    for await (const piece of model.generate(prompt, { maxTokens: 5, seed: 3, temperature: 2, topK: 4 }))
      pieces.push(piece);
    expect(pieces.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4]);
    const text = [...prompt];
    for (const { id, logProb } of pieces) {
      const logits = await model.logits(text);
      const sum = logits.reduce((all, x) => all + Math.exp(x), 0);
      expect(logProb).toBeCloseTo(logits[id]! - Math.log(sum), 4);
      text.push(id);
    }
  });

  test('do not run before they are asked for', async () => {
    let submitted = 0;
    await using model = await watched(() => void submitted++);
    submitted = 0;
    const generation = model.generate(prompt);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(submitted).toBe(0);
    await generation.return();
    expect([submitted, generation.summary]).toEqual([0, undefined]);
    expect(await generation.next()).toEqual({ done: true, value: undefined });
  });

  test('leave the thread to others in between, and between the chunks of a prompt', async () => {
    await using model = await randomModel(shape, { backend: 'reference' });
    const order: string[] = [];
    let ticking = true;
    const tick = (): void => {
      order.push('tick');
      if (ticking) setImmediate(tick);
    };
    setImmediate(tick);
    for await (const _ of model.generate(
      Array.from({ length: 40 }, () => 1),
      { maxTokens: 5, chunk: 10 },
    ))
      order.push('piece');
    ticking = false;
    // 39 tokens are 4 chunks, then come 5 pieces.
    expect(order.indexOf('piece')).toBeGreaterThanOrEqual(4);
    expect(order.join(' ')).not.toContain('piece piece');
  });
});

describe('a text ends', () => {
  let model: MambaModel;
  beforeAll(async () => void (model = await loadModel(trained, { backend: 'reference' })));
  const run = async (
    options: GenerateOptions,
  ): Promise<{ text: string; pieces: Piece[]; reason: string | undefined }> => {
    const generation = model.generate('ROMEO:\n', { temperature: 0, maxTokens: 24, ...options });
    const pieces: Piece[] = [];
    for await (const piece of generation) pieces.push(piece);
    return { text: pieces.map(({ text }) => text).join(''), pieces, reason: generation.summary?.reason };
  };
  // What the model says greedily, by its float64 evaluation.
  const said = 'I know not, I pray you, sir, I have not\nfall him to me';

  test('after maxTokens', async () => {
    const { text, pieces, reason } = await run({ maxTokens: 24 });
    expect([pieces.length, reason]).toEqual([24, 'length']);
    expect(said).toContain(text.slice(0, 30));
  });

  test('before a stop string, of which nothing is shown', async () => {
    const { text, reason } = await run({ stop: ['pray you', 'never said'] });
    expect([text, reason]).toEqual(['I know not, I ', 'stop-string']);
  });

  test('and shows what looked like a stop string but was not', async () => {
    const { text, reason } = await run({ stop: 'not, I prefer', maxTokens: 8 });
    expect(said.startsWith(text)).toBe(true);
    expect([text.length > 'I know not, I'.length, reason]).toEqual([true, 'length']);
    // Cut while it still may be one, the text held back comes with the last piece.
    const held = await run({ stop: 'know not, I prefer', maxTokens: 3 });
    expect(said.startsWith(held.text)).toBe(true);
    expect(
      held.pieces
        .slice(0, -1)
        .map(({ text }) => text)
        .join('').length,
    ).toBeLessThan(held.text.length);
  });

  test('at a stop id, which comes as the last piece without text', async () => {
    const comma = model.encode(',')[0]!;
    const { text, pieces, reason } = await run({ stopIds: [comma] });
    expect([text, reason]).toEqual(['I know not', 'stop-id']);
    expect(pieces.at(-1)).toMatchObject({ id: comma, text: '' });
  });

  test('at the ids of the model, unless others are given', async () => {
    const comma = model.encode(',')[0]!;
    await using ending = model.with({ config: { ...model.config, eosIds: [comma] } });
    expect(await ending.generate('ROMEO:\n', { temperature: 0, maxTokens: 24 }).text()).toBe('I know not');
    expect(
      await ending.generate('ROMEO:\n', { temperature: 0, maxTokens: 24, stopIds: [] }).text(),
    ).toContain('I know not, I');
  });

  test('and says how fast it was', async () => {
    const generation = model.generate('ROMEO:\n', { maxTokens: 4, seed: 5 });
    await generation.text();
    expect(generation.summary).toMatchObject({ tokens: 4, promptTokens: 3, seed: 5, backend: 'reference' });
    const { prefillMilliseconds, prefillTokensPerSecond, decodeMilliseconds, decodeTokensPerSecond } =
      generation.summary!;
    expect(prefillTokensPerSecond).toBeCloseTo(3000 / prefillMilliseconds, 6);
    expect(decodeTokensPerSecond).toBeCloseTo(3000 / decodeMilliseconds, 6);
  });

  test('with a seed that can be given again', async () => {
    const first = model.generate('ROMEO:\n', { maxTokens: 8 });
    const text = await first.text();
    expect(await model.generate('ROMEO:\n', { maxTokens: 8, seed: first.summary!.seed }).text()).toBe(text);
  });
});

describe('an abort', () => {
  test('before, in the prompt, and between tokens is one error, after which nothing is left', async () => {
    let submissions = 0;
    let onSubmit: () => void = () => undefined;
    await using model = await watched(() => {
      submissions++;
      onSubmit();
    });
    const before = model.engine.memory().liveBytes;
    submissions = 0;
    await idsOf(model, { maxTokens: 3, chunk: 4 });
    const all = submissions;
    for (let at = 0; at < all; at++) {
      const controller = new AbortController();
      if (at === 0) controller.abort('enough');
      let seen = 0;
      onSubmit = () => void (++seen === at && controller.abort('enough'));
      const generation = model.generate(prompt, { maxTokens: 3, chunk: 4, signal: controller.signal });
      const outcome = await generation.text().then(
        () => 'finished',
        (error: unknown) => error,
      );
      // An abort during the very last token comes too late to stop anything.
      if (outcome === 'finished') expect(generation.summary).toMatchObject({ reason: 'length', tokens: 3 });
      else expect(outcome).toMatchObject({ code: 'aborted', cause: 'enough' });
      if (at > 0 && outcome !== 'finished') expect(generation.summary).toMatchObject({ reason: 'aborted' });
      onSubmit = () => undefined;
      expect(model.engine.memory().liveBytes).toBe(before);
    }
  });

  test('reaches a generation that nothing else interrupts', async () => {
    await using model = await randomModel(shape, { backend: 'reference' });
    const signal = AbortSignal.timeout(20);
    const error = await failureOf(
      model.generate(prompt, { maxTokens: Number.MAX_SAFE_INTEGER, signal }).text(),
    );
    expect(error).toMatchObject({ code: 'aborted' });
  });
});

test('an op that fails ends the generation with its error, and the model goes on', async () => {
  let left = Number.POSITIVE_INFINITY;
  await using model = await watched(() => {
    if (left-- <= 0) throw new Error('the device is on fire');
  });
  const before = model.engine.memory().liveBytes;
  const wanted = await idsOf(model);
  left = 30;
  const generation = model.generate(prompt, { maxTokens: 50 });
  const error = await failureOf(generation.text());
  expect(error).toMatchObject({ code: 'execution-failed' });
  expect(error.message).toContain('the device is on fire');
  expect(generation.summary).toMatchObject({ reason: 'failed' });
  expect(model.engine.memory().liveBytes).toBe(before);
  left = Number.POSITIVE_INFINITY;
  await model.engine.sync().catch(() => undefined);
  expect(await idsOf(model)).toEqual(wanted);
});

describe('a wrong call', () => {
  let model: MambaModel;
  beforeAll(async () => void (model = await randomModel(shape, { backend: 'reference' })));

  test.for([
    { maxTokens: 0 },
    { maxTokens: 1.5 },
    { temperature: -1 },
    { temperature: Number.NaN },
    { topK: -1 },
    { topP: 0 },
    { topP: 1.5 },
    { minP: 1 },
    { repetitionPenalty: 0 },
    { repetitionWindow: 0 },
    { seed: -1 },
    { seed: 0.5 },
    { chunk: 0 },
    { stopIds: [0.5] },
    { stop: [''] },
  ])('with %o is refused before anything runs', (options) => {
    const [option] = Object.keys(options);
    expect(() => model.generate(prompt, options)).toThrow(
      expect.objectContaining({ code: 'generate-option', details: expect.objectContaining({ option }) }),
    );
  });

  test.for([
    ['text without a tokenizer', 'hello', {}, 'tokenizer-missing'],
    ['stop strings without a tokenizer', prompt, { stop: 'x' }, 'tokenizer-missing'],
    ['an id outside the vocabulary', [40], {}, 'token-invalid'],
    ['an id that is no integer', [0.5], {}, 'token-invalid'],
    ['no token', [], {}, 'prompt-empty'],
  ] as const)('with %s is refused before anything runs', ([, given, options, code]) => {
    expect(() => model.generate(given, options)).toThrow(expect.objectContaining({ code }));
  });
});
