import { createRegistry, SsError } from '@ss/core';
import type { Engine, Tensor } from '@ss/core';
import { expect, test } from 'vitest';
import { queueLength } from './executor/control.ts';
import { wasm } from './index.ts';
import type { WasmOptions } from './index.ts';

async function open(options: WasmOptions = { mode: 'worker', threads: 1 }): Promise<Engine> {
  return await createRegistry([wasm(options)]).select({ require: 'wasm' });
}

/** A scan that takes a while. */
function longScan(engine: Engine, L = 4096): Tensor {
  const [D, N] = [512, 16];
  return engine.scope(() => {
    const fill = (shape: number[], value: number): Tensor =>
      engine.tensor(new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(value), shape);
    const x = fill([1, L, D], 1);
    const B = fill([1, L, N], 0.5);
    return engine.selectiveScan({ u: x, delta: x, A: fill([D, N], -1), B, C: B }).y;
  });
}

test('timers of the calling thread go on while a long scan runs', async () => {
  await using engine = await open();
  let ticks = 0;
  const timer = setInterval(() => ticks++, 5);
  try {
    using y = longScan(engine, 16384);
    await y.read();
    // A thread that waited would have ticked once, at the end; how often one ticks on a busy machine is its own affair.
    expect(ticks).toBeGreaterThan(5);
  } finally {
    clearInterval(timer);
  }
});

test('a call returns before its work is done', async () => {
  await using engine = await open();
  using y = longScan(engine);
  let done = false;
  const read = y.read().then(() => (done = true));
  await Promise.resolve();
  expect(done).toBe(false);
  await read;
});

test('a write does not overtake work that was enqueued before it', async () => {
  await using engine = await open();
  const state = engine.state([4]);
  engine.assign(state, engine.tensor([1, 2, 3, 4]));
  longScan(engine).dispose();
  const before = engine.copy({ x: state });
  engine.assign(state, engine.tensor([5, 6, 7, 8]));
  const after = engine.copy({ x: state });
  expect([...(await before.read())]).toEqual([1, 2, 3, 4]);
  expect([...(await after.read())]).toEqual([5, 6, 7, 8]);
});

test('a read sees its point of the queue, whatever is enqueued behind it', async () => {
  await using engine = await open();
  const program = engine.record({ x: { dtype: 'f32', shape: [3] } }, ({ x }) => engine.add({ a: x, b: x }));
  await engine.prepare(program);
  longScan(engine).dispose();
  const reads = [1, 2, 3, 4, 5].map((value) =>
    program.run({ x: engine.tensor([value, value, value]) }).read(),
  );
  const values = await Promise.all(reads);
  expect(values.map((data) => Number(data[0]))).toEqual([2, 4, 6, 8, 10]);
});

test('memory freed and taken again is not written before earlier work is done with it', async () => {
  await using engine = await open();
  const kept: Tensor[] = [];
  longScan(engine).dispose();
  for (let i = 0; i < 50; i++) {
    const x = engine.tensor(new Float32Array(1000).fill(i));
    kept.push(engine.add({ a: x, b: x }));
    x.dispose();
    const zeros = engine.zeros([1000]);
    kept.push(engine.copy({ x: zeros }));
    zeros.dispose();
  }
  for (const [i, tensor] of kept.entries()) {
    const wanted = i % 2 === 0 ? i : 0;
    expect((await tensor.read()).every((value: number | bigint) => value === wanted)).toBe(true);
  }
});

test('more work can be enqueued than the queue is long', async () => {
  await using engine = await open();
  const count = 5 * queueLength;
  let sum: Tensor = engine.tensor([0]);
  const one = engine.tensor([1]);
  longScan(engine).dispose();
  for (let i = 0; i < count; i++) {
    const next = engine.add({ a: sum, b: one });
    sum.dispose();
    sum = next;
  }
  expect([...(await sum.read())]).toEqual([count]);
});

test('a failed op spoils what depends on it, and nothing else', async () => {
  await using engine = await open();
  const weight = engine.tensor([1, 2, 3, 4], [2, 2]);
  const bad = engine.embedding({ ids: engine.tensor(Int32Array.of(0, 7)), weight });
  const dependent = engine.silu({ x: bad });
  const other = engine.silu({ x: weight });
  await expect(dependent.read()).rejects.toSatisfy((error) => SsError.is(error, 'execution-failed'));
  await expect(engine.sync()).rejects.toThrow(/embedding.*id at position 1 is outside \[0, 2\)/);
  expect(await other.read()).toHaveLength(4);
  await engine.sync();
});

test('the failing op of a program is named', async () => {
  await using engine = await open();
  const weight = engine.tensor([1, 2, 3, 4], [2, 2]);
  const program = engine.record({ ids: { dtype: 'i32', shape: [1] } }, ({ ids }) =>
    engine.silu({ x: engine.embedding({ ids, weight }) }),
  );
  await engine.prepare(program);
  const good = program.run({ ids: engine.tensor(Int32Array.of(1)) });
  expect(await good.read()).toHaveLength(2);
  const failed = program.run({ ids: engine.tensor(Int32Array.of(5)) });
  await expect(failed.read()).rejects.toThrow(/Op 0 of a program, embedding/);
  await expect(engine.sync()).rejects.toThrow();
  const again = program.run({ ids: engine.tensor(Int32Array.of(0)) });
  expect(await again.read()).toHaveLength(2);
});

test('preparing can be aborted', async () => {
  await using engine = await open();
  const program = engine.record({ x: { dtype: 'f32', shape: [3] } }, ({ x }) => engine.silu({ x }));
  await expect(engine.prepare(program, { signal: AbortSignal.abort() })).rejects.toSatisfy((error) =>
    SsError.is(error, 'aborted'),
  );
  await engine.prepare(program);
  expect(await program.run({ x: engine.tensor([0, 0, 0]) }).read()).toHaveLength(3);
});

test('opening can be aborted', async () => {
  const registry = createRegistry([wasm({ mode: 'worker', threads: 2 })]);
  const controller = new AbortController();
  const opening = registry.select({ require: 'wasm', signal: controller.signal });
  controller.abort();
  await expect(opening).rejects.toSatisfy((error) => SsError.is(error, 'aborted'));
});

test('several engines work at once', async () => {
  const engines = await Promise.all([open(), open({ mode: 'worker', threads: 2 }), open({ mode: 'inline' })]);
  const sums = engines.map((engine, i) =>
    engine.add({ a: engine.tensor([i]), b: engine.tensor([1]) }).read(),
  );
  expect((await Promise.all(sums)).map(([sum]) => sum)).toEqual([1, 2, 3]);
  for (const engine of engines) await engine.dispose();
});

test('what is pending when the backend is disposed rejects', async () => {
  const { backend } = await open();
  const buffer = backend.alloc(2 ** 20, { zero: false });
  const spec = { dtype: 'f32', shape: [2 ** 18], strides: [1], offset: 0 } as const;
  const arg = { ...spec, buffer };
  const scratch = backend.alloc(2 ** 20, { zero: false });
  const call = {
    op: 'silu',
    inputs: { x: arg },
    outputs: { y: arg },
    inout: [],
    options: {},
    sizes: {},
    scratch,
  } as const;
  const pending = Array.from({ length: 100 }, () => backend.submit([call]));
  await Promise.all([
    backend.dispose(),
    expect(pending.at(-1)).rejects.toSatisfy((error) => SsError.is(error, 'engine-disposed')),
    ...pending.slice(0, -1).map((done) => Promise.resolve(done).catch(() => undefined)),
  ]);
  expect(() => backend.alloc(4, { zero: false })).toThrow(/disposed/);
});
