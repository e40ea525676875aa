import { describe, expect, test } from 'vitest';
import { engineOf } from '../../test/engine-of.ts';
import { failureOf } from '../../test/failure.ts';
import { registry, subjects } from '../../test/subjects.ts';
import type { MambaModel } from '../model.ts';
import { randomModel } from '../random-model.ts';
import { readHeader } from '../safetensors/header.ts';
import { blobFile } from '../source/blobs.ts';
import type { Session } from './session.ts';

const shape = { dModel: 16, layers: 2, vocabulary: 40 };
const start = [3, 1, 4, 1, 5, 9, 2, 6];
const options = { maxTokens: 6, seed: 4, temperature: 1.5 };

async function continued(
  model: MambaModel,
  state: Session,
  prompt: readonly number[] = [],
): Promise<number[]> {
  const ids: number[] = [];
  for await (const { id } of model.generate(prompt, { ...options, state })) ids.push(id);
  return ids;
}

describe.for(subjects)('a session on $id', ({ id, missing }) => {
  const on = (): Promise<MambaModel> => randomModel(shape, { backend: id, registry });

  test('continues as if the whole text had been the prompt', async ({ skip }) => {
    if (missing !== undefined) skip(missing);
    await using model = await on();
    using session = model.session();
    await session.prefill(start.slice(0, 3));
    await session.prefill(start.slice(3));
    const first = await continued(model, session);
    expect(session.tokens).toEqual([...start, ...first]);
    const second = await continued(model, session, [7, 7]);

    using whole = model.session();
    expect(await continued(model, whole, [...start, ...first, 7, 7])).toEqual(second);
    expect(whole.tokens).toEqual(session.tokens);
  });

  test('gives logits step by step as the model does at once', async ({ skip }) => {
    if (missing !== undefined) skip(missing);
    await using model = await on();
    using session = model.session();
    for (const [i, token] of start.entries()) {
      const logits = await session.step(token);
      const whole = await model.logits(start.slice(0, i + 1));
      logits.forEach((value, k) => expect(value).toBeCloseTo(whole[k]!, 4));
    }
    // Everything is in the state now; what follows still needs the newest token.
    expect(await session.logits()).toEqual(await model.logits(start));
    expect((await continued(model, session)).length).toBe(6);
  });

  test('can be cloned: both continue alike, and apart', async ({ skip }) => {
    if (missing !== undefined) skip(missing);
    await using model = await on();
    using session = model.session();
    await session.prefill(start);
    using copy = session.clone();
    const ids = await continued(model, session);
    expect(copy.tokens).toEqual(start);
    expect(await continued(model, copy)).toEqual(ids);
  });

  test('can be saved and restored, to the bit', async ({ skip }) => {
    if (missing !== undefined) skip(missing);
    await using model = await on();
    using session = model.session();
    await session.prefill(start);
    await continued(model, session);
    const saved = await session.save();
    using again = await model.restore(saved);
    expect(again.tokens).toEqual(session.tokens);
    expect(await again.save()).toEqual(saved);
    expect(await continued(model, again, [5])).toEqual(await continued(model, session, [5]));
  });

  test('can go back to any token, with marks or without', async ({ skip }) => {
    if (missing !== undefined) skip(missing);
    await using model = await on();
    using session = model.session();
    await session.prefill(start);
    const there = session.mark();
    expect(there).toBe(start.length);
    const first = await continued(model, session);
    const all = [...session.tokens];
    for (const length of [all.length, all.length - 1, there + 2, there, there - 3, 1]) {
      using copy = model.session();
      const wanted = await continued(model, copy, all.slice(0, length));
      session.rewind(length);
      expect(session.tokens).toEqual(all.slice(0, length));
      expect(await continued(model, session)).toEqual(wanted);
      session.rewind(length);
      await session.prefill(all.slice(length));
    }
    session.rewind(there);
    expect(await continued(model, session)).toEqual(first);
    session.rewind(0);
    expect(await continued(model, session, start)).toEqual(first);
  });
});

describe('a saved session', () => {
  const saved = async (model: MambaModel): Promise<Uint8Array<ArrayBuffer>> => {
    using session = model.session();
    await session.prefill(start);
    return await session.save();
  };

  test('is a safetensors file in f32 with W - 1 columns, tokens and fingerprint', async () => {
    await using model = await randomModel(shape, { backend: 'reference' });
    const { tensors, metadata } = await readHeader(blobFile('x', new Blob([await saved(model)])));
    expect(metadata).toEqual({ format: 'ss.session', version: '1', model: model.fingerprint, absorbed: '7' });
    expect([...tensors.values()].map(({ name, stored, shape }) => [name, stored, shape])).toEqual([
      ['tokens', 'I32', [8]],
      ['layers.0.conv', 'F32', [1, 3, 32]],
      ['layers.0.ssm', 'F32', [1, 32, 16]],
      ['layers.1.conv', 'F32', [1, 3, 32]],
      ['layers.1.ssm', 'F32', [1, 32, 16]],
    ]);
  });

  test('of another model is refused, even of one with the same sizes', async () => {
    await using model = await randomModel(shape, { backend: 'reference' });
    await using other = await randomModel(shape, { backend: 'reference', seed: 1 });
    expect(other.fingerprint).not.toBe(model.fingerprint);
    const before = other.engine.memory().liveBytes;
    const error = await failureOf(other.restore(await saved(model)));
    expect(error).toMatchObject({
      code: 'state-mismatch',
      details: { saved: model.fingerprint, model: other.fingerprint },
    });
    expect(other.engine.memory().liveBytes).toBe(before);
  });

  test('with any byte cut off, or none at all, is refused', async () => {
    await using model = await randomModel(shape, { backend: 'reference' });
    const whole = await saved(model);
    const before = model.engine.memory().liveBytes;
    for (const length of [0, 8, 100, whole.length - 1]) {
      expect(await failureOf(model.restore(whole.subarray(0, length)))).toMatchObject({
        code: 'state-invalid',
      });
    }
    expect(model.engine.memory().liveBytes).toBe(before);
  });

  test.for([
    ['another format', ['"format":"ss.session"', '"format":"ss.sessiom"']],
    ['another version', ['"version":"1"', '"version":"2"']],
    ['more tokens in it than it has', ['"absorbed":"7"', '"absorbed":"9"']],
    ['a token count that is no number', ['"absorbed":"7"', '"absorbed":"x"']],
    ['a missing tensor', ['"layers.1.ssm"', '"layers.9.ssm"']],
    ['a tensor of another shape', ['[1,32,16]', '[1,16,32]']],
  ] as const)('that claims %s is refused', async ([, [from, to]]) => {
    await using model = await randomModel(shape, { backend: 'reference' });
    const bytes = await saved(model);
    const latin1 = new TextDecoder('latin1');
    const text = latin1.decode(bytes);
    expect(text).toContain(from);
    const changed = bytes.slice();
    changed.set(new TextEncoder().encode(to), text.indexOf(from));
    expect(await failureOf(model.restore(changed))).toMatchObject({ code: 'state-invalid' });
  });
});

describe('a session in use', () => {
  test('by a generation cannot be advanced, copied, saved or rewound until that ends', async () => {
    await using model = await randomModel(shape, { backend: 'reference' });
    using session = model.session();
    const generation = model.generate(start, { ...options, state: session });
    await generation.next();
    for (const use of [
      () => session.prefill([1]),
      () => session.step(1),
      () => session.logits(),
      () => session.save(),
      () => model.generate([1], { state: session }).next(),
      async () => session.clone(),
      async () => session.mark(),
      async () => session.rewind(0),
    ]) {
      expect(await failureOf(use())).toMatchObject({ code: 'session-busy' });
    }
    await generation.return();
    expect((await continued(model, session)).length).toBe(6);
  });

  test('stands after the last piece when the loop is left', async () => {
    await using model = await randomModel(shape, { backend: 'reference' });
    using session = model.session();
    const ids: number[] = [];
    for await (const { id } of model.generate(start, { ...options, state: session }))
      if (ids.push(id) === 3) break;
    expect(session.tokens).toEqual([...start, ...ids]);
    using whole = model.session();
    const wanted = await continued(model, whole, session.tokens);
    expect(await continued(model, session)).toEqual(wanted);
  });

  test('stands on a token boundary after an abort, and goes on from there', async () => {
    await using model = await randomModel(shape, { backend: 'reference' });
    const long = Array.from({ length: 50 }, (_, i) => i % 40);
    using session = model.session();
    const controller = new AbortController();
    setImmediate(() => controller.abort());
    const error = await failureOf(session.prefill(long, { chunk: 5, signal: controller.signal }));
    expect(error).toMatchObject({ code: 'aborted' });
    using whole = model.session();
    const wanted = await continued(model, whole, long);
    expect(await continued(model, session)).toEqual(wanted);
  });

  test('of another model is refused', async () => {
    await using model = await randomModel(shape, { backend: 'reference' });
    await using other = await randomModel(shape, { backend: 'reference', seed: 1 });
    using session = model.session();
    expect(() => other.generate(start, { state: session })).toThrow(
      expect.objectContaining({ code: 'state-mismatch' }),
    );
  });

  test('goes nowhere it has never been', async () => {
    await using model = await randomModel(shape, { backend: 'reference' });
    using session = model.session();
    await session.prefill(start);
    for (const length of [-1, 9, 1.5]) {
      expect(() => session.rewind(length)).toThrow(expect.objectContaining({ code: 'session-boundary' }));
    }
    session.rewind(0);
    expect(await failureOf(session.logits())).toMatchObject({ code: 'prompt-empty' });
  });

  test('is freed by dispose, with its marks, and by the model at the latest', async () => {
    const engine = await engineOf();
    const model = await randomModel(shape, { engine });
    const before = engine.memory().liveBytes;
    const session = model.session();
    await session.prefill(start);
    session.mark();
    session.dispose();
    expect(engine.memory().liveBytes).toBe(before);
    expect(await failureOf(session.prefill([1]))).toMatchObject({ code: 'session-disposed' });

    const left = model.session();
    const running = model.generate(start, { state: left, maxTokens: 9 });
    await running.next();
    model.session().mark();
    await model.dispose();
    expect(engine.memory()).toMatchObject({ liveBytes: 0, tensorBytes: 0, storages: 0 });
    expect(await failureOf(running.next())).toMatchObject({ code: 'session-disposed' });
  });
});
