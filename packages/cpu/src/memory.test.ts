import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'vitest';
import { nativeTest as test, open } from '../test/native.ts';

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
  expect(() => engine.backend.alloc(2 ** 50, { zero: false })).toThrow(
    expect.objectContaining({
      code: 'out-of-memory',
      details: expect.objectContaining({ requested: 2 ** 50 }),
    }) as Error,
  );
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
