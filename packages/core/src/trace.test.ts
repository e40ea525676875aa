import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, expect, test, vi } from 'vitest';
import { Engine } from './engine/engine.ts';
import { tensor } from './host.ts';
import { createReferenceBackend } from './reference/index.ts';
import { onTrace, performanceTrack, tracing } from './trace.ts';
import type { TraceEvent } from './trace.ts';
import { SlowBackend } from '../test/slow-backend.ts';
import { traced } from '../test/traced.ts';

afterEach(() => vi.restoreAllMocks());

test('nobody listening costs nothing: no event is made', async () => {
  expect(tracing()).toBe(false);
  const now = vi.spyOn(performance, 'now');
  const engine = new Engine(createReferenceBackend());
  await engine.silu({ x: tensor([1]) }).read();
  expect(now).not.toHaveBeenCalled();
});

test('an op is its uploads, itself with its time, and its read', async () => {
  const engine = new Engine(createReferenceBackend());
  const events = await traced(() => engine.silu({ x: tensor([1, 2]) }).read());
  expect(events).toEqual([
    { type: 'copy', reason: 'upload', backend: 'reference', bytes: 8 },
    { type: 'op', op: 'silu', backend: 'reference', sizes: { E: 2 }, milliseconds: expect.any(Number) },
    { type: 'copy', reason: 'read', backend: 'reference', bytes: 8 },
  ]);
});

test('an op that was only enqueued has no time', async () => {
  const engine = new Engine(new SlowBackend());
  const x = engine.tensor([1]);
  const events = await traced(() => void engine.silu({ x }));
  expect(events).toEqual([{ type: 'op', op: 'silu', backend: 'slow', sizes: { E: 1 } }]);
  await engine.sync();
});

test('a listener hears until it is taken away', () => {
  const heard: TraceEvent[] = [];
  const stop = onTrace((event) => heard.push(event));
  const engine = new Engine(createReferenceBackend());
  engine.tensor([1]);
  expect(heard.length).toBe(1);
  stop();
  engine.tensor([1]);
  expect([heard.length, tracing()]).toEqual([1, false]);
});

test('a listener that throws does not stop the work, and is not lost', async () => {
  const uncaught: unknown[] = [];
  const microtask = vi.spyOn(globalThis, 'queueMicrotask').mockImplementation((work) => {
    try {
      work();
    } catch (error) {
      uncaught.push(error);
    }
  });
  const stop = onTrace(() => {
    throw new Error('listener');
  });
  const engine = new Engine(createReferenceBackend());
  const y = engine.add({ a: tensor([1]), b: tensor([2]) });
  stop();
  expect(await y.read()).toEqual(new Float32Array([3]));
  expect(microtask).toHaveBeenCalled();
  expect(uncaught).toEqual(new Array(3).fill(expect.objectContaining({ message: 'listener' })));
});

test('in Node the same events are on a diagnostics channel', async () => {
  const heard: unknown[] = [];
  const listen = (event: unknown): void => void heard.push(event);
  subscribe('ss.trace', listen);
  expect(tracing()).toBe(true);
  const engine = new Engine(createReferenceBackend());
  engine.tensor([1, 2, 3]);
  await engine.dispose();
  unsubscribe('ss.trace', listen);
  expect(heard).toEqual([
    { type: 'copy', reason: 'upload', backend: 'reference', bytes: 12 },
    { type: 'backend', backend: 'reference', what: 'disposed' },
  ]);
  expect(channel('ss.trace').hasSubscribers).toBe(false);
});

test('the performance track measures ops and programs that took time', async () => {
  const measure = vi.spyOn(performance, 'measure').mockReturnValue({} as PerformanceMeasure);
  const engine = new Engine(createReferenceBackend());
  const program = await engine.prepare(
    engine.record({ x: { dtype: 'f32', shape: [1] } }, ({ x }) => engine.silu({ x })),
  );
  const stop = onTrace(performanceTrack);
  engine.silu({ x: tensor([1]) });
  program.run({ x: tensor([1]) });
  stop();
  expect(measure.mock.calls.map(([name]) => name)).toEqual(['silu', 'program of 1']);
  expect(measure.mock.calls[0]![1]).toMatchObject({
    detail: { devtools: { trackGroup: '@ss', track: 'reference' } },
  });
});
