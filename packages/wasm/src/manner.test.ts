import { afterEach, expect, test, vi } from 'vitest';
import { chooseManner } from './manner.ts';
import type { Surroundings } from './surroundings.ts';

const node: Surroundings = { sharedMemory: true, mayWait: true, cores: 4, workerThreads: undefined };
const page: Surroundings = { ...node, mayWait: false };
const isolationMissing: Surroundings = { ...page, sharedMemory: false };

afterEach(() => vi.unstubAllEnvs());

test('without wishes there is a worker and a thread for every core, up to eight', () => {
  expect(chooseManner({}, node)).toMatchObject({ mode: 'worker', threads: 4, crew: true });
  expect(chooseManner({}, page)).toMatchObject({ mode: 'worker', threads: 4 });
  expect(chooseManner({}, { ...node, cores: 64 })).toMatchObject({ threads: 8 });
});

test('SS_THREADS counts where the program says nothing', () => {
  vi.stubEnv('SS_THREADS', '3');
  expect(chooseManner({}, node).threads).toBe(3);
  expect(chooseManner({ threads: 2 }, node).threads).toBe(2);
});

test('without shared memory calls run inline on one thread, and it says so', () => {
  expect(chooseManner({}, isolationMissing)).toMatchObject({
    mode: 'inline',
    threads: 1,
    crew: false,
    limit: 'no shared memory',
  });
  expect(chooseManner({ threads: 1 }, isolationMissing).limit).toBeUndefined();
  expect(() => chooseManner({ mode: 'worker' }, isolationMissing)).toThrow(
    /shared memory.*Cross-Origin-Opener-Policy/,
  );
});

test('inline calls of a page have one thread, since it may not wait for others', () => {
  expect(chooseManner({ mode: 'inline', threads: 4 }, page)).toMatchObject({
    threads: 1,
    crew: false,
    limit: expect.stringMatching(/may not wait/),
  });
  expect(chooseManner({ mode: 'inline', threads: 4 }, node)).toMatchObject({
    mode: 'inline',
    threads: 4,
    crew: true,
  });
});

test('only what nobody asked for has an alternative', () => {
  expect(chooseManner({}, node).alternative).toMatchObject({ mode: 'inline', threads: 1 });
  expect(chooseManner({ mode: 'worker' }, node).alternative).toBeUndefined();
});
