import { expect, test } from 'vitest';
import { pairwise, product } from './combinations.ts';

const parameters = { a: [1, 2, 3], b: ['x', 'y'], c: [true, false], d: [0, 1, 2, 3] } as const;
const pairs = (rows: readonly Record<string, unknown>[]): Set<string> =>
  new Set(
    rows.flatMap((row) =>
      Object.entries(row).flatMap(([p, v], i, all) =>
        all.slice(i + 1).map(([q, w]) => `${p}=${v} ${q}=${w}`),
      ),
    ),
  );

test('the product has every combination that is allowed', () => {
  expect(product(parameters)).toHaveLength(3 * 2 * 2 * 4);
  expect(product(parameters, ({ a, c }) => a === 1 || c)).toHaveLength(2 * 4 * (2 + 1 + 1));
});

test('pairwise has every pair of the product in few rows', () => {
  const rows = pairwise(parameters);
  expect(pairs(rows)).toEqual(pairs(product(parameters)));
  expect(rows.length).toBeLessThan(20);
});

test('pairwise keeps to what is allowed', () => {
  const allowed = ({ a, d }: { a: number; d: number }): boolean => a + d !== 3;
  const rows = pairwise(parameters, allowed);
  expect(rows.every(allowed)).toBe(true);
  expect(pairs(rows)).toEqual(pairs(product(parameters, allowed)));
});

test('pairwise gives the same rows every time', () => {
  expect(pairwise(parameters)).toEqual(pairwise(parameters));
});
