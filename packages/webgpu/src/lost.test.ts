import { createRegistry } from '@ss/core';
import { expect, test } from 'vitest';
import { NO_ADAPTER, softwareGpu } from '../test/software-gpu.ts';
import { webgpu } from './index.ts';

const gpu = await softwareGpu();

test('whatever is asked of a device that goes away is refused with device-lost', async ({ skip }) => {
  skip(gpu === undefined, NO_ADAPTER);
  const device = await (await gpu!.requestAdapter())!.requestDevice();
  const engine = await createRegistry([webgpu({ device })]).select({ require: 'webgpu' });
  const lost = expect.objectContaining({ code: 'device-lost' }) as Error;
  const x = engine.tensor([1, 2]);
  const y = engine.silu({ x });
  const program = engine.record({ x: { dtype: 'f32', shape: [2] } }, (given) => engine.softplus(given));
  const [reading, preparing] = [y.read(), engine.prepare(program)];
  device.destroy();
  await expect(reading).rejects.toEqual(lost);
  await expect(preparing).rejects.toEqual(lost);
  await expect(engine.sync()).rejects.toEqual(lost);
  expect(() => engine.silu({ x })).toThrow(lost);
  await engine.dispose();
});
