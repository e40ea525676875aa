import { expect, test } from 'vitest';
import { measure, summarize } from './measure.ts';

test('the median is the middle, the spread its middle half', () => {
  expect(summarize([4, 1, 3, 2, 5])).toEqual({ median: 3, best: 1, spread: 2 / 3, runs: 5 });
});

test('things run in turn, after one round that is not counted', async () => {
  const order: string[] = [];
  const timings = await measure([() => void order.push('a'), () => void order.push('b')], {
    seconds: 0,
    rounds: 2,
  });
  expect(order.join('')).toBe('ababab');
  expect(timings.map(({ runs }) => runs)).toEqual([2, 2]);
});

test('a signal stops it between two runs', async () => {
  const controller = new AbortController();
  const run = (): void => controller.abort();
  await expect(measure([run], { seconds: 60, rounds: 1, signal: controller.signal })).rejects.toMatchObject({
    code: 'aborted',
  });
});
