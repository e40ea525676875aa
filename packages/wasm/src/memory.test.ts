import { createRegistry, SsError } from '@ss/core';
import type { Engine } from '@ss/core';
import { expect, test } from 'vitest';
import { wasm } from './index.ts';
import type { WasmOptions } from './index.ts';

const modes: readonly WasmOptions['mode'][] = ['inline', 'worker'];

async function open(options: WasmOptions): Promise<Engine> {
  return await createRegistry([wasm(options)]).select({ require: 'wasm' });
}

test.each(modes)('everything is given back in %s mode', async (mode) => {
  await using engine = await open({ mode, threads: 2 });
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

test.each(modes)(
  'a thousand rounds of create, run and dispose take no more memory than a few in %s mode',
  async (mode) => {
    await using engine = await open({ mode, threads: 1 });
    const round = async (i: number): Promise<void> => {
      using x = engine.tensor(new Float32Array(10_000 + (i % 7)).fill(1));
      using y = engine.silu({ x });
      using z = engine.add({ a: y, b: y });
      if (i % 10 === 0) await z.read();
    };
    for (let i = 0; i < 100; i++) await round(i);
    await engine.sync();
    const before = engine.memory().reservedBytes;
    for (let i = 0; i < 1000; i++) await round(i);
    await engine.sync();
    expect(engine.memory().reservedBytes).toBe(before);
  },
);

test.each(modes)('values survive the growth of the memory in %s mode', async (mode) => {
  await using engine = await open({ mode, threads: 2 });
  const first = engine.tensor([1, 2, 3]);
  const before = engine.memory().reservedBytes;
  const many = Array.from({ length: 12 }, (_, i) => engine.tensor(new Float32Array(2 ** 20).fill(i)));
  const sums = many.map((x) => engine.add({ a: x, b: x }));
  expect(engine.memory().reservedBytes).toBeGreaterThan(before + 90 * 2 ** 20);
  for (const [i, sum] of sums.entries()) expect(new Set(await sum.read())).toEqual(new Set([2 * i]));
  expect([...(await first.read())]).toEqual([1, 2, 3]);
});

test.each(modes)('addresses beyond two gigabytes work in %s mode', async (mode) => {
  await using engine = await open({ mode, threads: 2 });
  const high = Array.from({ length: 3 }, () => engine.backend.alloc(2 ** 30 - 2 ** 20, { zero: false }));
  const x = engine.tensor(Float32Array.from({ length: 5 }, (_, i) => i));
  const y = engine.add({ a: x, b: x });
  expect([...(await y.read())]).toEqual([0, 2, 4, 6, 8]);
  for (const buffer of high) engine.backend.free(buffer);
});

test.each(modes)(
  'what does not fit is refused with its size in %s mode, and the rest goes on',
  async (mode) => {
    await using engine = await open({ mode, threads: 1, maxMemory: 16 * 2 ** 20 });
    const x = engine.tensor([1, 2, 3]);
    expect(() => engine.zeros([2 ** 23])).toThrowError(
      expect.objectContaining({
        code: 'out-of-memory',
        details: expect.objectContaining({ requested: 2 ** 25, maximum: 2 ** 24 }),
      }) as Error,
    );
    expect([...(await engine.add({ a: x, b: x }).read())]).toEqual([2, 4, 6]);
  },
);

test('a call that cannot fit is refused by assess', async () => {
  await using engine = await open({ mode: 'inline', maxMemory: 2 ** 20 });
  const spec = { dtype: 'f32', shape: [1024, 1024], strides: [1024, 1], offset: 0 } as const;
  const call = {
    op: 'silu',
    inputs: { x: spec },
    outputs: { y: spec },
    inout: [],
    options: {},
    sizes: {},
  } as const;
  const assessment = engine.backend.assess(call);
  expect(assessment).toMatchObject({ ok: false, blockers: [{ code: 'size-exceeded', origin: 'device' }] });
});

test('an engine can be opened and disposed many times', async () => {
  for (let i = 0; i < 100; i++) {
    await using engine = await open({ mode: 'inline', threads: 1 });
    expect(await engine.silu({ x: engine.tensor([0]) }).read()).toEqual(Float32Array.of(0));
  }
});

test('out of memory is an error of the family', async () => {
  await using engine = await open({ mode: 'inline', threads: 1, maxMemory: 2 ** 20 });
  try {
    engine.zeros([2 ** 20]);
    expect.unreachable();
  } catch (error) {
    expect(SsError.is(error, 'out-of-memory')).toBe(true);
  }
});
