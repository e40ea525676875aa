import { createRegistry, reference, tensor } from '@ss/core';
import { afterAll, describe, expect, test } from 'vitest';
import { randomModel } from './random-model.ts';

const model = await randomModel(
  { dModel: 8, layers: 2, vocabulary: 16 },
  { registry: createRegistry([reference()]) },
);
afterAll(() => model.dispose());

const ids = tensor(Int32Array.of(1, 2, 3), [1, 3]);

describe('a plain array of ids is one row', () => {
  test.each<[string, (given: never) => { readonly shape: readonly number[]; read(): Promise<unknown> }]>([
    ['forward', (given) => model.forward(given)],
    ['hidden', (given) => model.hidden(given, [-1])[0]!],
  ])('%s', async (_, run) => {
    const expected = run(ids as never);
    for (const given of [[1, 2, 3], Int32Array.of(1, 2, 3), Uint8Array.of(1, 2, 3)]) {
      const made = run(given as never);
      expect(made.shape).toEqual(expected.shape);
      expect(await made.read()).toEqual(await expected.read());
    }
  });

  test('embed', () => expect(model.embed([1, 2, 3]).shape).toEqual([3, 8]));

  test('in every kind of array a prompt is the same', async () => {
    const [expected, ...others] = await Promise.all(
      [[1, 2, 3], Int32Array.of(1, 2, 3), BigInt64Array.of(1n, 2n, 3n)].map((given) =>
        model.logits(given as number[]),
      ),
    );
    for (const logits of others) expect(logits).toEqual(expected);
    using session = model.session();
    await session.prefill(Int32Array.of(1, 2, 3) as unknown as number[]);
    expect(session.tokens).toEqual([1, 2, 3]);
  });
});

const strange: readonly unknown[] = [
  undefined,
  null,
  7,
  {},
  new Map(),
  true,
  [1, 99],
  [1.5],
  ['1'],
  [[1, 2]],
];

test.each(strange)('%o is no prompt and no ids', async (given) => {
  const value = given as never;
  using session = model.session();
  const calls: readonly (() => unknown)[] = [
    () => model.forward(value),
    () => model.embed(value),
    () => model.hidden(value, [0]),
    () => model.generate(value),
    () => model.generateBatch([value]),
    () => model.logits(value),
    () => session.prefill(value),
    () => model.encode(value),
  ];
  for (const call of calls) {
    const code = expect.stringMatching(/^(argument-invalid|argument-missing|token-invalid)$/);
    await expect((async () => call())(), String(call)).rejects.toMatchObject({ code });
  }
});

test('several texts are what generateBatch() takes, and one what generate() takes', () => {
  expect(() => model.generate(['a', 'b'] as never)).toThrow('generateBatch() takes several texts');
  expect(() => model.generateBatch('a' as never)).toThrow('generate() takes one');
});
