import { expect, test } from 'vitest';
import { BusyRanges } from './busy-ranges.ts';

function ranges(): { busy: BusyRanges; complete: (submission: number) => void } {
  let completed = 0;
  return {
    busy: new BusyRanges((submission) => completed >= submission),
    complete: (submission) => void (completed = submission),
  };
}

test('overlapping bytes are busy until the newest submission that uses them has run', () => {
  const { busy, complete } = ranges();
  busy.add(1000, 100, 3);
  busy.add(1050, 100, 5);
  expect(busy.lastUse(1060, 10)).toBe(5);
  expect(busy.lastUse(900, 110)).toBe(3);
  complete(3);
  expect(busy.lastUse(900, 110)).toBe(0);
  expect(busy.lastUse(1060, 10)).toBe(5);
});

test('neighbours are not busy', () => {
  const { busy } = ranges();
  busy.add(1000, 100, 1);
  expect(busy.lastUse(900, 100)).toBe(0);
  expect(busy.lastUse(1100, 100)).toBe(0);
});

test('what has run when it is freed is not busy', () => {
  const { busy, complete } = ranges();
  complete(2);
  busy.add(1000, 100, 2);
  expect(busy.lastUse(1000, 100)).toBe(0);
});
