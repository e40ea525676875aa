import { createRegistry, onTrace } from '@ss/core';
import type { TraceEvent } from '@ss/core';
import { expect, test } from 'vitest';
import { NO_ADAPTER, softwareGpu } from '../../test/software-gpu.ts';
import { webgpu } from '../index.ts';

const gpu = await softwareGpu();

test('the trace says how long the device took, and nothing is timed while nobody listens', async ({
  skip,
}) => {
  skip(gpu === undefined, NO_ADAPTER);
  await using engine = await createRegistry([webgpu({ gpu })]).select({ require: 'webgpu' });
  skip(engine.device.facts['timestamps'] !== true, 'this device has no clock');
  using x = engine.tensor([1, 2, 3]);
  const events: TraceEvent[] = [];
  const run = async (): Promise<void> => {
    using once = engine.silu({ x });
    using twice = engine.silu({ x: once });
    await twice.read();
    await engine.sync();
  };
  await run();
  const stop = onTrace((event) => event.type === 'device' && events.push(event));
  await run();
  await expect.poll(() => events.length).toBe(1);
  stop();
  await run();
  expect(events).toEqual([
    { type: 'device', backend: 'webgpu', dispatches: 2, milliseconds: expect.any(Number) },
  ]);
  expect((events[0] as { milliseconds: number }).milliseconds).toBeGreaterThanOrEqual(0);
});
