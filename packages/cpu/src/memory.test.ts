import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Engine } from '@ss/core';
import { afterEach, beforeEach, describe, expect, vi } from 'vitest';
import { nativeTest as test, open } from '../test/native.ts';
import type { CpuBackend } from './backend.ts';

test('everything is given back', async () => {
  await using engine = await open({ threads: 2 });
  {
    using x = engine.tensor(new Float32Array(64 * 48), [64, 48]);
    using weight = engine.pack(x);
    using y = engine.linear({ x, weight });
    using program = engine.record({ x: { dtype: 'f32', shape: [64, 64] } }, (given) => engine.silu(given));
    await engine.prepare(program);
    await program.run({ x: y }).read();
    expect(engine.memory().liveBytes).toBeGreaterThan(x.size * 4);
  }
  await engine.sync();
  expect(engine.memory()).toMatchObject({ liveBytes: 0, liveBuffers: 0, tensorBytes: 0, storages: 0 });
});

test('what is reserved stays close to what lives, however much came and went', async () => {
  await using engine = await open();
  const weights = Array.from({ length: 32 }, () => engine.zeros([2 ** 20]));
  for (let i = 0; i < 300; i++) {
    using x = engine.zeros([2 ** (10 + (i % 11))]);
    using y = engine.silu({ x });
    if (i % 3 === 0) await y.read();
  }
  await engine.sync();
  const { liveBytes, reservedBytes } = engine.memory();
  expect(liveBytes).toBe(weights.length * 2 ** 22);
  expect(reservedBytes).toBeGreaterThanOrEqual(liveBytes);
  expect(reservedBytes).toBeLessThan(1.15 * liveBytes);
});

test('memory of equal size is handed out again', async () => {
  await using engine = await open();
  const weight = engine.zeros([2 ** 22]);
  const round = async (): Promise<void> => {
    using x = engine.zeros([2 ** 16]);
    using y = engine.silu({ x });
    await y.read();
  };
  for (let i = 0; i < 10; i++) await round();
  const before = engine.memory().reservedBytes;
  for (let i = 0; i < 100; i++) await round();
  expect(engine.memory().reservedBytes).toBe(before);
  weight.dispose();
});

/** How often memory was taken from the system. */
const reservations = (engine: Engine): number => (engine.backend as CpuBackend).reservations;

/** The gradient of a scan, whose results and scratch are three times as large as its inputs. */
async function scanGradient(engine: Engine, L = 256): Promise<void> {
  engine.scope(() => {
    const [D, N] = [384, 16];
    const u = engine.zeros([1, L, D]);
    const [A, B] = [engine.zeros([D, N]), engine.zeros([1, L, N])];
    const scan = { u, delta: u, A, B, C: B, z: u, softplus: true };
    const { y } = engine.selectiveScan(scan);
    engine.selectiveScanBackward({ ...scan, dy: y });
  });
  await engine.sync();
}

test('what a round of work needs is taken from the system once', async () => {
  await using engine = await open();
  for (let round = 0; round < 2; round++) await scanGradient(engine);
  const before = reservations(engine);
  for (let round = 0; round < 20; round++) await scanGradient(engine);
  expect(reservations(engine)).toBe(before);
});

test('sizes that never come again are not kept beside what is needed', async () => {
  await using engine = await open();
  for (let i = 0; i < 400; i++) engine.zeros([500_000 + i * 1009]).dispose();
  const largest = 4 * (500_000 + 399 * 1009);
  expect(engine.memory().reservedBytes).toBeLessThan(1.07 * largest + 4 * 2 ** 20);
});

test('trim gives back at once what nothing lives in', async () => {
  await using engine = await open();
  using kept = engine.tensor([1, 2, 3]);
  const program = engine.record({ x: { dtype: 'f32', shape: [3] } }, ({ x }) => engine.silu({ x }));
  await engine.prepare(program);
  await scanGradient(engine);
  const { liveBytes, reservedBytes } = engine.memory();
  expect(reservedBytes).toBeGreaterThan(liveBytes + 2 ** 20);
  engine.trim();
  expect(engine.memory()).toMatchObject({ liveBytes, reservedBytes: liveBytes });
  expect(await program.run({ x: kept }).read()).toHaveLength(3);
  await scanGradient(engine);
});

test('trim in the middle of work waits for nothing and takes nothing away that is used', async () => {
  await using engine = await open();
  using x = engine.tensor(new Float32Array(1_000_000).fill(1));
  const results = Array.from({ length: 10 }, () => {
    using between = engine.add({ a: x, b: x });
    const y = engine.add({ a: between, b: x });
    between.dispose();
    engine.trim();
    return y;
  });
  for (const y of results) expect((await y.read()).every((value) => value === 3)).toBe(true);
  for (const y of results) y.dispose();
  await engine.sync();
  engine.trim();
  expect(engine.memory().reservedBytes).toBe(engine.memory().liveBytes);
});

describe('as time goes by', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
  afterEach(() => void vi.useRealTimers());
  const window = 2000;

  test('idle memory goes back', async () => {
    await using engine = await open();
    using kept = engine.zeros([1000]);
    await scanGradient(engine);
    vi.advanceTimersByTime(window);
    const { reservedBytes } = engine.memory();
    expect(reservedBytes).toBeGreaterThan(2 ** 20);
    vi.advanceTimersByTime(window);
    expect(engine.memory().reservedBytes).toBe(4 * kept.size);
    // Nothing is left to be looked after.
    expect(vi.getTimerCount()).toBe(0);
  });

  test('a phase that needed much is forgotten, one that goes on is not', async () => {
    await using engine = await open();
    for (let cycle = 0; cycle < 3; cycle++) {
      for (let i = 0; i < 3; i++) await scanGradient(engine, 2048);
      const before = reservations(engine);
      for (let i = 0; i < 6; i++) {
        await scanGradient(engine, 2048);
        vi.advanceTimersByTime(window / 2);
      }
      expect(reservations(engine)).toBe(before);
      const large = engine.memory().reservedBytes;
      for (let i = 0; i < 5; i++) {
        engine.zeros([100_000]).dispose();
        vi.advanceTimersByTime(window / 2);
      }
      expect(engine.memory().reservedBytes).toBeLessThan(large / 4);
      expect(engine.memory().reservedBytes).toBeGreaterThanOrEqual(0);
    }
  });

  test('nothing is looked after once the engine is disposed', async () => {
    const engine = await open();
    await scanGradient(engine);
    expect(vi.getTimerCount()).toBe(1);
    await engine.dispose();
    expect(vi.getTimerCount()).toBe(0);
  });
});

test('what is counted adds up, whatever is allocated, freed, trimmed and forgotten', async () => {
  await using engine = await open();
  const { backend } = engine;
  let random = 1;
  const below = (limit: number): number => (random = (random * 48271) % 2147483647) % limit;
  const live = new Map<unknown, number>();
  for (let i = 0; i < 3000; i++) {
    const [buffer] = [...live.keys()].slice(below(Math.max(1, live.size)));
    if (below(2) === 0 || buffer === undefined) {
      const bytes = 1 + below(2 ** (1 + below(22)));
      live.set(backend.alloc(bytes, { zero: below(2) === 0 }), bytes);
    } else {
      backend.free(buffer);
      live.delete(buffer);
    }
    if (below(100) === 0) backend.trim!();
    const { liveBytes, liveBuffers, reservedBytes } = backend.memory();
    expect(liveBuffers).toBe(live.size);
    expect(reservedBytes).toBeGreaterThanOrEqual(liveBytes);
  }
  for (const buffer of live.keys()) backend.free(buffer);
  backend.trim!();
  expect(backend.memory()).toEqual({ liveBytes: 0, liveBuffers: 0, reservedBytes: 0 });
});

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Bytes of this process that are in memory once JavaScript's garbage is not among them. */
const resident = (): number => {
  collectGarbage();
  return process.memoryUsage().rss;
};
const MiB = 2 ** 20;

test('10,000 rounds of create, run and dispose leave nothing behind', async () => {
  await using engine = await open({ threads: 2 });
  const values = new Float32Array(10_007).fill(1);
  const round = async (i: number): Promise<void> => {
    using x = engine.tensor(values.subarray(i % 7));
    using y = engine.silu({ x });
    using z = engine.add({ a: y, b: y });
    if (i % 10 === 0) await z.read();
  };
  for (let i = 0; i < 2000; i++) await round(i);
  await engine.sync();
  const before = resident();
  for (let i = 0; i < 10_000; i++) await round(i);
  await engine.sync();
  // One buffer a round would be 400 MiB.
  expect(resident() - before).toBeLessThan(128 * MiB);
  expect(engine.memory()).toMatchObject({ liveBytes: 0, liveBuffers: 0 });
});

test('10,000 programs prepared, run and disposed leave nothing behind', async () => {
  await using engine = await open({ threads: 1 });
  const round = async (): Promise<void> => {
    using program = engine.record({ x: { dtype: 'f32', shape: [2048] } }, ({ x }) => {
      using y = engine.silu({ x });
      return engine.add({ a: y, b: x });
    });
    await engine.prepare(program);
    using x = engine.zeros([2048]);
    program.run({ x });
  };
  for (let i = 0; i < 1000; i++) await round();
  await engine.sync();
  const before = resident();
  for (let i = 0; i < 10_000; i++) await round();
  await engine.sync();
  // Three buffers a round would be 240 MiB.
  expect(resident() - before).toBeLessThan(80 * MiB);
  expect(engine.memory()).toMatchObject({ liveBytes: 0, liveBuffers: 0 });
});

test('a thousand engines opened and disposed leave nothing behind, threads included', async () => {
  const round = async (): Promise<void> => {
    await using engine = await open({ threads: 3 });
    expect(await engine.silu({ x: engine.tensor([0]) }).read()).toEqual(Float32Array.of(0));
  };
  for (let i = 0; i < 100; i++) await round();
  const before = resident();
  for (let i = 0; i < 1000; i++) await round();
  expect(resident() - before).toBeLessThan(64 * MiB);
});

test('more than there is is refused with its size, and the rest goes on', async () => {
  await using engine = await open();
  const x = engine.tensor([1, 2, 3]);
  engine.zeros([2 ** 20]).dispose();
  expect(() => engine.backend.alloc(2 ** 50, { zero: false })).toThrow(
    expect.objectContaining({
      code: 'out-of-memory',
      details: expect.objectContaining({ requested: 2 ** 50 }),
    }) as Error,
  );
  // Everything that was kept has been given back before.
  expect(engine.memory().reservedBytes).toBe(engine.memory().liveBytes);
  expect([...(await engine.add({ a: x, b: x }).read())]).toEqual([2, 4, 6]);
});

test('what was freed and what does not lie in a buffer is refused, not touched', async () => {
  await using engine = await open();
  const { backend } = engine;
  const buffer = backend.alloc(16, { zero: true });
  expect(() => backend.write(buffer, 8, new Uint8Array(9))).toThrow(/within its buffer/);
  expect(() => backend.read(buffer, 17, 0)).toThrow(/within its buffer/);
  const spec = { dtype: 'f32', shape: [4], strides: [1], offset: 1, buffer } as const;
  const call = { op: 'silu', inputs: { x: spec }, outputs: { y: spec }, inout: [], options: {} } as const;
  expect(() => backend.submit([{ ...call, sizes: { E: 4 }, scratch: undefined }])).toThrow(
    /within its buffer/,
  );
  backend.free(buffer);
  expect(() => backend.read(buffer, 0, 4)).toThrow(/after it was freed/);
});
