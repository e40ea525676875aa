import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Engine } from '../engine/engine.ts';
import { tensor } from '../host.ts';
import type { SampleArgs } from '../ops/logits.ts';
import type { Tensor } from '../tensor.ts';
import { createReferenceBackend } from './index.ts';

const engine = new Engine(createReferenceBackend());
const row = (...values: number[]): Tensor => tensor(values, [1, values.length], 'f64');
const i32 = (shape: readonly number[], ...values: number[]): Tensor => tensor(new Int32Array(values), shape);

describe('argmax', () => {
  const id = async (...logits: number[]): Promise<number> =>
    ((await engine.argmax({ logits: row(...logits) }).read()) as Int32Array)[0]!;

  test('is the lowest id of the largest', async () => {
    expect([await id(1, 3, 3, 2), await id(-5, -2), await id(0, -0)]).toEqual([1, 1, 0]);
  });

  test('is -1 where a logit is NaN', async () => {
    expect([await id(NaN, -1, 2), await id(1, NaN), await id(NaN, NaN), await id(NaN, Infinity)]).toEqual([
      -1, -1, -1, -1,
    ]);
  });

  test('finds infinity, and the first of equals', async () => {
    expect([await id(1, Infinity), await id(-Infinity, -1e300)]).toEqual([1, 1]);
    expect([await id(1, Infinity, Infinity), await id(-Infinity, -Infinity)]).toEqual([1, 0]);
  });

  test('leaves out padding', async () => {
    const logits = tensor([1, 2, 9, 5, 4, 9], [2, 3]);
    expect(await engine.argmax({ logits, vocabulary: 2 }).read()).toEqual(new Int32Array([1, 0]));
  });
});

describe('cross entropy', () => {
  test('is the log of the softmax, far from overflow too', async () => {
    const logits = tensor([1, 2, 3, 1000, 0, 0, -1000, -1000, -1000], [3, 3], 'f64');
    const loss = await engine.crossEntropy({ logits, targets: i32([3], 0, 1, 2) }).read();
    const total = Math.exp(1) + Math.exp(2) + Math.exp(3);
    expect(loss[0]).toBeCloseTo(Math.log(total) - 1, 14);
    expect(loss[1]).toBe(1000);
    expect(loss[2]).toBeCloseTo(Math.log(3), 14);
  });

  test('is 0 where there is no target', async () => {
    const loss = engine.crossEntropy({ logits: tensor([1, 2], [1, 2]), targets: i32([1], -100) });
    expect(await loss.read()).toEqual(new Float32Array([0]));
  });
});

const outside: readonly [what: string, run: () => Tensor, message: RegExp][] = [
  [
    'a target',
    () => engine.crossEntropy({ logits: row(1, 2), targets: i32([1], 2) }),
    /target 2 in row 0 is outside 2 logits/,
  ],
  [
    'an id',
    () => engine.embedding({ ids: i32([2], 0, 3), weight: tensor([1, 2, 3], [3, 1]) }),
    /id 3 at position 1 is outside a table of 3 rows/,
  ],
  ['a negative id', () => engine.embedding({ ids: i32([1], -1), weight: tensor([1], [1, 1]) }), /id -1/],
  [
    'a recent id',
    () => engine.sample({ logits: row(1, 2), uniform: tensor([0]), recentIds: i32([1, 1], 2) }).ids,
    /recent id 2/,
  ],
];

test.each(outside)('%s out of range fails when it runs, and reads nothing', async (_what, run, message) => {
  await expect(run().read()).rejects.toMatchObject({
    code: 'execution-failed',
    message: expect.stringMatching(message),
  });
  await expect(engine.sync()).rejects.toThrow(message);
});

describe('sample', () => {
  type Rules = Partial<Omit<SampleArgs, 'logits' | 'uniform' | 'recentIds'>> & { recent?: number[] };

  /** The ids drawn at the middles of `count` equal parts of [0, 1), each as often as it is likely. */
  async function drawn(
    logits: readonly number[],
    { recent, ...rules }: Rules = {},
    count = 1200,
  ): Promise<number[]> {
    const args = {
      logits: row(...logits).broadcast([count, logits.length]),
      uniform: tensor(Float32Array.from({ length: count }, (_, i) => (i + 0.5) / count)),
      ...(recent && { recentIds: i32([1, recent.length], ...recent).broadcast([count, recent.length]) }),
      ...rules,
    };
    return [...((await engine.sample(args).ids.read()) as Int32Array)];
  }

  async function shares(logits: readonly number[], rules: Rules = {}): Promise<number[]> {
    const ids = await drawn(logits, rules);
    return logits.map((_, id) => ids.filter((other) => other === id).length / ids.length);
  }

  const log = (...p: number[]): number[] => p.map(Math.log);

  test('draws each id as often as the softmax says', async () => {
    expect(await shares(log(0.125, 0.5, 0.25, 0.125))).toEqual([0.125, 0.5, 0.25, 0.125]);
  });

  test('walks from the most probable down, equals by id', async () => {
    expect(await drawn(log(0.25, 0.5, 0.25), {}, 4)).toEqual([1, 1, 0, 2]);
  });

  test('temperature sharpens, and 0 is argmax', async () => {
    // p^(1 / T): at T = 1/2 the odds 2 : 1 : 1 are 4 : 1 : 1.
    expect(await shares(log(0.5, 0.25, 0.25), { temperature: 0.5 })).toEqual([2 / 3, 1 / 6, 1 / 6]);
    expect(await shares([1, 3, 3], { temperature: 0 })).toEqual([0, 1, 0]);
  });

  test('top-k keeps the k most probable, the lower ids among equals', async () => {
    expect(await shares(log(0.25, 0.5, 0.25), { topK: 2 })).toEqual([1 / 3, 2 / 3, 0]);
    expect(await shares([0, 0, 0, 0], { topK: 2 })).toEqual([0.5, 0.5, 0, 0]);
    expect(await shares([0, 0], { topK: 0 })).toEqual([0.5, 0.5]);
    expect(await shares([0, 0], { topK: 9 })).toEqual([0.5, 0.5]);
  });

  test('top-p keeps the smallest set that reaches p, at least one', async () => {
    const p = log(0.5, 0.25, 0.125, 0.125);
    expect(await shares(p, { topP: 0.7 })).toEqual([2 / 3, 1 / 3, 0, 0]);
    expect(await shares(p, { topP: 0.01 })).toEqual([1, 0, 0, 0]);
    expect(await shares(p, { topP: 1 })).toEqual([0.5, 0.25, 0.125, 0.125]);
  });

  test('min-p keeps what has this share of the largest', async () => {
    expect(await shares(log(0.5, 0.3, 0.2), { minP: 0.5 })).toEqual([0.625, 0.375, 0]);
  });

  test('top-p is of what top-k left, min-p of what top-p left', async () => {
    // Of 0.4, 0.4, 0.2 top-k leaves two equals; half of that is one.
    expect(await shares(log(0.4, 0.4, 0.2), { topK: 2, topP: 0.5 })).toEqual([1, 0, 0]);
    expect(await shares(log(0.4, 0.4, 0.2), { topP: 0.7, minP: 0.9 })).toEqual([0.5, 0.5, 0]);
  });

  test('the penalty comes first, once for each id, whatever its sign', async () => {
    expect(await shares([4, 2, 2], { repetitionPenalty: 2, recent: [0, 0, -1], temperature: 0 })).toEqual([
      1, 0, 0,
    ]);
    expect(await shares([4, 3], { repetitionPenalty: 2, recent: [0, 0], temperature: 0 })).toEqual([0, 1]);
    expect(await shares([-1, -1.5], { repetitionPenalty: 2, recent: [0], temperature: 0 })).toEqual([0, 1]);
    expect(await shares([4, 3], { repetitionPenalty: 2, recent: [-1], temperature: 0 })).toEqual([1, 0]);
  });

  test('padding is never drawn, though it may be recent', async () => {
    expect(await shares([0, 0, 9], { vocabulary: 2, repetitionPenalty: 2, recent: [2] })).toEqual([
      0.5, 0.5, 0,
    ]);
  });

  test('minus infinity is never drawn', async () => {
    expect(await shares([-Infinity, 0, -Infinity, 0])).toEqual([0, 0.5, 0, 0.5]);
  });

  test.each([0, 1])(
    'is -1 with the log probability NaN without a distribution, temperature %j',
    async (temperature) => {
      const none = [
        [NaN, 0],
        [0, NaN],
        [NaN, NaN],
        [-Infinity, -Infinity],
        [0, Infinity],
        [Infinity, Infinity],
      ];
      for (const logits of none) {
        const { ids, logProbs } = engine.sample({
          logits: row(...logits),
          uniform: tensor([0.5]),
          temperature,
        });
        expect([await ids.read(), await logProbs.read()]).toEqual([
          new Int32Array([-1]),
          new Float32Array([NaN]),
        ]);
      }
    },
  );

  test('padding may be NaN', async () => {
    expect(await shares([0, 0, NaN], { vocabulary: 2 })).toEqual([0.5, 0.5, 0]);
  });

  test('the log probability is of the logits as given, without padding', async () => {
    const args = { logits: row(...log(0.5, 0.25, 0.25), 99), uniform: tensor([0.1]), vocabulary: 3 };
    const { ids, logProbs } = engine.sample({
      ...args,
      temperature: 0.1,
      topK: 2,
      recentIds: i32([1, 1], 0),
      repetitionPenalty: 100,
    });
    expect(await ids.read()).toEqual(new Int32Array([1]));
    expect((await logProbs.read())[0]).toBeCloseTo(Math.log(0.25), 6);
  });

  test('whatever the rules, the id is possible and the same for the same number', async () => {
    const rules = fc.record({
      temperature: fc.double({ min: 0, max: 4, noNaN: true }),
      topK: fc.integer({ min: 0, max: 9 }),
      topP: fc.double({ min: 1e-6, max: 1, noNaN: true }),
      minP: fc.double({ min: 0, max: 0.99, noNaN: true }),
      repetitionPenalty: fc.double({ min: 0.1, max: 10, noNaN: true }),
    });
    const logits = fc.array(fc.float({ min: -100, max: 100, noNaN: true }), { minLength: 1, maxLength: 8 });
    const uniform = fc.float({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    await fc.assert(
      fc.asyncProperty(logits, uniform, rules, async (given, at, options) => {
        const draw = async (): Promise<number> => {
          const { ids } = engine.sample({
            logits: row(...given),
            uniform: tensor([at]),
            recentIds: i32([1, 1], 0),
            ...options,
          });
          return ((await ids.read()) as Int32Array)[0]!;
        };
        const id = await draw();
        expect(id).toBeGreaterThanOrEqual(0);
        expect(id).toBeLessThan(given.length);
        expect(await draw()).toBe(id);
      }),
      { numRuns: 300 },
    );
  });
});
