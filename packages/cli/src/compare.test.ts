import { expect, test } from 'vitest';
import { agrees, compare } from './compare.ts';

const tolerance = { rtol: 0.1, atol: 1 };

test('an error may be as large as atol + rtol |expected|', () => {
  const close = compare([11.9], [10], tolerance);
  expect(agrees(close)).toBe(true);
  expect(close.used).toBeCloseTo(0.95, 10);
  expect(agrees(compare([12.1], [10], tolerance))).toBe(false);
});

test.each([{ actual: [NaN, 0] }, { actual: [Infinity, 0] }, { actual: [0] }])(
  '$actual never agrees',
  ({ actual }) => {
    expect(agrees(compare(actual, [0, 0], tolerance))).toBe(false);
  },
);

test('nothing may differ where the tolerance is zero', () => {
  expect(agrees(compare([1], [1], { rtol: 0, atol: 0 }))).toBe(true);
  expect(agrees(compare([1 + 1e-12], [1], { rtol: 0, atol: 0 }))).toBe(false);
});
