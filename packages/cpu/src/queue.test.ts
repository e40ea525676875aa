import { createRegistry, SsError } from '@ss/core';
import type { Engine, Tensor } from '@ss/core';
import { expect } from 'vitest';
import { nativeTest as test, open } from '../test/native.ts';
import { cpu } from './index.ts';

/** Work that takes some milliseconds: norms of 64 MB. */
function longWork(engine: Engine): Tensor {
  return engine.scope(() => {
    let x: Tensor = engine.zeros([4096, 4096]);
    for (let i = 0; i < 4; i++) x = engine.rmsNorm({ x }).y;
    return x;
  });
}

test('a call returns before its work is done', async () => {
  await using engine = await open({ threads: 1 });
  using y = longWork(engine);
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
  longWork(engine).dispose();
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
  longWork(engine).dispose();
  const reads = [1, 2, 3, 4, 5].map((value) =>
    program.run({ x: engine.tensor([value, value, value]) }).read(),
  );
  const values = await Promise.all(reads);
  expect(values.map((data) => Number(data[0]))).toEqual([2, 4, 6, 8, 10]);
});

test('memory freed and taken again is not written before earlier work is done with it', async () => {
  await using engine = await open();
  const kept: Tensor[] = [];
  longWork(engine).dispose();
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

test('memory taken again is zero when zeros are asked for, small and large', async () => {
  await using engine = await open();
  for (const size of [10, 100_000, 3_000_000]) {
    for (let i = 0; i < 3; i++) {
      engine.tensor(new Float32Array(size).fill(7)).dispose();
      using zeros = engine.zeros([size]);
      expect((await zeros.read()).some((value) => value !== 0)).toBe(false);
    }
  }
});

test('thousands of calls can be enqueued at once', async () => {
  await using engine = await open();
  const count = 5000;
  let sum: Tensor = engine.tensor([0]);
  const one = engine.tensor([1]);
  longWork(engine).dispose();
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

test('of several threads that fail the same failure is reported', async () => {
  for (const threads of [1, 2, 3]) {
    await using engine = await open({ threads });
    const ids = new Int32Array(3000).fill(1);
    for (const bad of [70, 1400, 2900]) ids[bad] = 9;
    const weight = engine.tensor(new Float32Array(4 * 256), [4, 256]);
    const y = engine.embedding({ ids: engine.tensor(ids, [3000]), weight });
    await expect(y.read()).rejects.toThrow(/id at position 70 is outside \[0, 4\)/);
  }
});

test('preparing and opening can be aborted', async () => {
  await using engine = await open();
  const program = engine.record({ x: { dtype: 'f32', shape: [3] } }, ({ x }) => engine.silu({ x }));
  const aborted = (error: unknown): boolean => SsError.is(error, 'aborted');
  await expect(engine.prepare(program, { signal: AbortSignal.abort() })).rejects.toSatisfy(aborted);
  await engine.prepare(program);
  expect(await program.run({ x: engine.tensor([0, 0, 0]) }).read()).toHaveLength(3);
  const opening = createRegistry([cpu()]).select({ require: 'cpu', signal: AbortSignal.abort() });
  await expect(opening).rejects.toSatisfy(aborted);
});

test('several engines work at once', async () => {
  const engines = await Promise.all([1, 2, 3, 2].map((threads) => open({ threads })));
  const busy = engines.map((engine) => longWork(engine).read());
  const sums = engines.map((engine, i) =>
    engine.add({ a: engine.tensor([i]), b: engine.tensor([1]) }).read(),
  );
  expect((await Promise.all(sums)).map(([sum]) => sum)).toEqual([1, 2, 3, 4]);
  await Promise.all(busy);
  for (const engine of engines) await engine.dispose();
});

test('what is pending when the backend is disposed rejects, and long work ends early', async () => {
  const engine = await open({ threads: 2 });
  const { backend } = engine;
  const side = 4096;
  const spec = { dtype: 'f32', shape: [side, side], strides: [side, 1], offset: 0 } as const;
  const arg = { ...spec, buffer: backend.alloc(4 * side * side, { zero: true }) };
  const call = { op: 'silu', inputs: { x: arg }, outputs: { y: arg }, inout: [], options: {} } as const;
  const plan = backend.assess({ ...call, sizes: { E: side * side } });
  const scratchBytes = plan.ok ? (plan.scratchBytes ?? 0) : 0;
  const scratch = scratchBytes > 0 ? backend.alloc(scratchBytes, { zero: false }) : undefined;
  const pending = Array.from({ length: 100 }, () =>
    backend.submit([{ ...call, sizes: { E: side * side }, scratch }]),
  );
  await pending[0];
  let over = 1;
  for (const each of pending.slice(1)) each!.then(() => over++).catch(() => undefined);
  await Promise.all([
    backend.dispose(),
    expect(pending.at(-1)).rejects.toSatisfy((error) => SsError.is(error, 'engine-disposed')),
  ]);
  expect(over).toBeLessThan(100);
  expect(() => backend.alloc(4, { zero: false })).toThrow(/disposed/);
});

test('what was known of a backend is known after its end', async () => {
  const engine = await open();
  const { backend } = engine;
  await engine.dispose();
  const spec = { dtype: 'f32', shape: [4], strides: [1], offset: 0 } as const;
  const call = { op: 'silu', inputs: { x: spec }, outputs: { y: spec }, inout: [], options: {} } as const;
  expect(backend.assess({ ...call, sizes: { E: 4 } })).toMatchObject({ ok: true });
});
