import { expect, test } from 'vitest';
import { measureLimits } from './measure-limits.ts';

test('the limits of this machine are numbers', async ({ skip }) => {
  const limits = await measureLimits(1);
  skip(limits === undefined, 'no C++ compiler here: install g++, or name one in CXX');
  expect(limits).toMatchObject({ threads: 1 });
  for (const unit of ['GFLOP/s', 'GB/s', 'G updates/s'] as const) expect(limits![unit]).toBeGreaterThan(0.01);
});
