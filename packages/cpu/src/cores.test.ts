import { availableParallelism } from 'node:os';
import { expect, test } from 'vitest';
import { usableCores } from './cores.ts';

test('two threads of a core count once', () => {
  const siblings = (processor: number): string => `${processor % 4},${(processor % 4) + 4}`;
  expect(usableCores(8, 8, siblings)).toBe(4);
});

test('no more than the process may use', () => {
  expect(usableCores(2, 8, String)).toBe(2);
});

test('where nobody knows, every processor is a core', () => {
  expect(usableCores(8, 8, () => undefined)).toBe(8);
});

test('this machine has at least one, and no more than its processors', () => {
  expect(usableCores()).toBeGreaterThanOrEqual(1);
  expect(usableCores()).toBeLessThanOrEqual(availableParallelism());
});
