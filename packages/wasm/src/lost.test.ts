import { createRegistry, SsError } from '@ss/core';
import { expect, test } from 'vitest';
import { ENQUEUED } from './executor/control.ts';
import { wasm } from './index.ts';

/** A worker that is ready, and ends in the middle of the first list it gets. */
const mortal = `data:text/javascript,${encodeURIComponent(`
  import { parentPort } from 'node:worker_threads';
  parentPort.once('message', ({ control }) => {
    parentPort.postMessage('ready');
    while (Atomics.load(control, ${ENQUEUED}) === 0) Atomics.wait(control, ${ENQUEUED}, 0, 1);
    process.exit(3);
  });
`)}`;

const isLost = (error: unknown): boolean => SsError.is(error, 'device-lost');

test('when a worker dies everything pending is lost, and so is what comes later', async () => {
  const registry = createRegistry([wasm({ mode: 'worker', threads: 2, workerUrl: mortal })]);
  const engine = await registry.select({ require: 'wasm' });
  const x = engine.tensor([1, 2, 3]);
  const y = engine.silu({ x });
  const z = engine.silu({ x: y });
  const failed = [y.read(), z.read(), engine.sync()];
  for (const promise of failed) await expect(promise).rejects.toSatisfy(isLost);
  expect(isLost(await engine.backend.lost)).toBe(true);
  expect(() => engine.silu({ x })).toThrow(/ended with code 3/);
  await expect(x.read()).rejects.toSatisfy(isLost);
  x.dispose();
  await engine.dispose();
});

test('after a loss the registry opens the backend again', async () => {
  const registry = createRegistry([wasm({ mode: 'worker', threads: 1 })]);
  const mortals = createRegistry([wasm({ mode: 'worker', threads: 1, workerUrl: mortal })]);
  for (const from of [mortals, mortals]) {
    await using engine = await from.select({ require: 'wasm' });
    await expect(engine.silu({ x: engine.tensor([1]) }).read()).rejects.toSatisfy(isLost);
  }
  await using engine = await registry.select({ require: 'wasm' });
  expect(await engine.add({ a: engine.tensor([1]), b: engine.tensor([2]) }).read()).toEqual(
    Float32Array.of(3),
  );
});

test('where workers do not start, calls run inline and the device says why', async () => {
  const broken = 'data:text/javascript,throw new Error("not today")';
  await using engine = await createRegistry([wasm({ workerUrl: broken })]).select({ require: 'wasm' });
  expect(engine.device.facts).toMatchObject({ mode: 'inline', threads: 1 });
  expect(engine.device.facts['limit']).toMatch(/not today/);
  await expect(
    createRegistry([wasm({ mode: 'worker', workerUrl: broken })]).select({ require: 'wasm' }),
  ).rejects.toThrow(/not today/);
});
