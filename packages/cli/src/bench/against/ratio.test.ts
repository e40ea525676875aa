import { expect, test } from 'vitest';
import { summarize } from '../measure.ts';
import { flopOf } from './compare-models.ts';
import { most } from './limits.ts';
import { logSoftmax } from './own-model.ts';
import { withRatios } from './ratio.ts';

const row = (
  what: string,
  milliseconds: number,
): { what: string; timing: ReturnType<typeof summarize>; work: {} } => ({
  what,
  timing: summarize([milliseconds, milliseconds, 10 * milliseconds]),
  work: {},
});

const limits = { simd: 'AVX2', threads: 1, 'GFLOP/s': 10, 'GB/s': 50, 'G updates/s': 1 };

test('a ratio is of medians, and a share is of the limit per second', () => {
  const ours = row('ours', 4);
  const theirs = row('theirs', 10);
  const manner = { threads: 1, simd: 'AVX2' };
  const sides = [
    { row: ours, manner, amount: 0.1 },
    { row: theirs, manner, ours },
  ];
  // 0.1 in 4 ms is 25 a second.
  expect(withRatios(sides, limits, 'GB/s').map(({ ratio, share }) => [ratio, share])).toEqual([
    [undefined, 0.5],
    [2.5, undefined],
  ]);
  const [row2] = withRatios([{ ...sides[0]!, manner: { ...manner, threads: 2 } }], limits, 'GB/s');
  expect(row2!.share).toBeUndefined();
});

test('of two measurements of the machine each limit is the larger', () => {
  expect(most(limits, { ...limits, 'GFLOP/s': 9, 'GB/s': 60 })).toEqual({ ...limits, 'GB/s': 60 });
  expect(most(undefined, limits)).toBe(limits);
});

test('operations are those of the products with weights', () => {
  const config = { dModel: 4, dInner: 8, dState: 2, dtRank: 1, layers: 3, rows: 10 };
  const inProj = 4 * 16;
  const xProj = 8 * (1 + 2 * 2);
  const dtProj = 8;
  const outProj = 8 * 4;
  const head = 4 * 10;
  expect(flopOf(config, 7)).toBe(2 * (7 * 3 * (inProj + xProj + dtProj + outProj) + head));
});

test('log-probabilities are those of a softmax', () => {
  const [a, b] = logSoftmax(Float32Array.of(1000, 1000 + Math.log(3)));
  expect(a).toBeCloseTo(Math.log(1 / 4), 3);
  expect(b).toBeCloseTo(Math.log(3 / 4), 3);
});
