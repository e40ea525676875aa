import { expect, test } from 'vitest';
import { FreeList } from './free-list.ts';

test('what was given back is one stretch again, in whatever order', () => {
  for (const order of [
    [0, 1, 2],
    [2, 1, 0],
    [0, 2, 1],
    [1, 0, 2],
  ]) {
    const list = new FreeList(300);
    const taken = [100, 100, 100].map((bytes) => list.take(bytes)!);
    expect(taken).toEqual([0, 100, 200]);
    expect(list.take(1)).toBeUndefined();
    for (const i of order) list.give(taken[i]!, 100);
    expect(list.take(300)).toBe(0);
  }
});

test('holes are used again', () => {
  const list = new FreeList(1000);
  const [, b] = [list.take(256), list.take(256), list.take(256)];
  list.give(b!, 256);
  expect(list.take(300)).toBeUndefined();
  expect(list.take(256)).toBe(256);
});
