import { expect, test } from 'vitest';
import { alignment, Allocator } from './allocator.ts';

function make(limit = Infinity, base = 1000): { allocator: Allocator; top: () => number } {
  let top = 0;
  const allocator = new Allocator(base, (wanted) => {
    if (wanted > limit) return false;
    top = Math.max(top, wanted);
    return true;
  });
  return { allocator, top: () => top };
}

test('addresses are aligned and beyond the base', () => {
  const { allocator } = make();
  for (const bytes of [1, 255, 256, 257]) {
    const address = allocator.alloc(bytes)!;
    expect(address % alignment).toBe(0);
    expect(address).toBeGreaterThanOrEqual(1000);
  }
});

test('live blocks never overlap, and freeing everything lets the whole memory be used again', () => {
  const { allocator, top } = make();
  const live = new Map<number, number>();
  let state = 7;
  const random = (n: number): number => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) % n;
  for (let i = 0; i < 20_000; i++) {
    if (live.size > 0 && random(2) === 0) {
      const address = [...live.keys()][random(live.size)]!;
      allocator.free(address);
      live.delete(address);
    } else {
      const bytes = 1 + random(5000);
      const address = allocator.alloc(bytes)!;
      live.set(address, bytes);
    }
    if (i % 500 === 0) {
      const sorted = [...live].sort(([a], [b]) => a - b);
      expect(sorted.filter(([start], k) => k > 0 && sorted[k - 1]![0] + sorted[k - 1]![1] > start)).toEqual(
        [],
      );
    }
  }
  for (const address of live.keys()) allocator.free(address);
  expect(allocator.liveBytes).toBe(0);
  expect(allocator.liveBlocks).toBe(0);
  const reached = top();
  expect(allocator.alloc(reached - 2 * alignment - 1000)).toBeDefined();
  expect(top()).toBe(reached);
});

test('the smallest hole that fits is taken', () => {
  const { allocator } = make();
  const blocks = [2000, 1, 500, 1, 1000, 1].map((bytes) => allocator.alloc(bytes)!);
  for (const i of [0, 2, 4]) allocator.free(blocks[i]!);
  expect(allocator.alloc(900)).toBe(blocks[4]);
});

test('a memory that cannot grow refuses and stays usable', () => {
  const { allocator } = make(10_000);
  expect(allocator.alloc(20_000)).toBeUndefined();
  expect(allocator.alloc(5_000)).toBeDefined();
});

test('freeing twice is an error', () => {
  const { allocator } = make();
  const address = allocator.alloc(10)!;
  allocator.free(address);
  expect(() => allocator.free(address)).toThrow(RangeError);
});

test('addresses beyond 2^31 stay positive', () => {
  const { allocator } = make(2 ** 32, 2 ** 31 + 10);
  expect(allocator.alloc(2 ** 30)).toBeGreaterThan(2 ** 31);
});
