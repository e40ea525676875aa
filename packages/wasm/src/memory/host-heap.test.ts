import { expect, test } from 'vitest';
import { HostHeap } from './host-heap.ts';

function heap(): { heap: HostHeap; taken: Map<number, number> } {
  const taken = new Map<number, number>();
  let next = 2 ** 20;
  const take = (byteLength: number): number => {
    taken.set(next, byteLength);
    const start = next;
    next += byteLength;
    return start;
  };
  return { heap: new HostHeap(take, (address) => void taken.delete(address)), taken };
}

test('small blocks share one chunk, and it stays', () => {
  const { heap: blocks, taken } = heap();
  const addresses = Array.from({ length: 100 }, () => blocks.alloc(1000));
  expect(new Set(addresses).size).toBe(100);
  expect(taken.size).toBe(1);
  for (const address of addresses) blocks.free(address);
  expect(taken.size).toBe(1);
  expect(blocks.alloc(1000)).toBe(addresses[0]);
});

test('blocks do not overlap', () => {
  const { heap: blocks } = heap();
  const sizes = [300_000, 100, 5000, 2_000_000, 100_000, 200_000];
  const ranges = sizes
    .map((size) => ({ start: blocks.alloc(size), size }))
    .toSorted((a, b) => a.start - b.start);
  for (const [i, { start }] of ranges.entries()) {
    const before = ranges[i - 1];
    if (before) expect(start).toBeGreaterThanOrEqual(before.start + before.size);
  }
});

test('a chunk that came for a large block goes back with it', () => {
  const { heap: blocks, taken } = heap();
  blocks.alloc(10);
  const large = blocks.alloc(3_000_000);
  expect(taken.size).toBe(2);
  blocks.free(large);
  expect(taken.size).toBe(1);
});
