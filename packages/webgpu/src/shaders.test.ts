import { runConformance } from '@ss/conformance';
import { expect, test } from 'vitest';
import { nullGpu } from '../test/software-gpu.ts';
import { webgpu } from './index.ts';

/** Devices do not outlive it. */
const gpu = nullGpu();

/** How Dawn speaks of what does not compile or must not be bound; anything else is that nothing was computed. */
const refused = /WGSL|\binvalid\b|exceeds|validat/i;

/**
 * Everything the kit asks for, on an adapter that compiles and validates but does not compute, with the limits that every
 * device has: 8 storage buffers in a stage, 16 KiB of workgroup memory, 256 invocations.
 */
test('every shader compiles under default limits', async () => {
  const adapter = (await gpu.requestAdapter())!;
  const device = await adapter.requestDevice();
  expect(device.limits.maxStorageBuffersPerShaderStage).toBe(8);
  const texts = new Set<string>();
  const create = device.createShaderModule.bind(device);
  device.createShaderModule = (descriptor) => {
    texts.add(descriptor.code);
    return create(descriptor);
  };
  const report = await runConformance({ backend: webgpu({ device }) });
  const wrong = report.failures.filter(({ reason }) => refused.test(reason));
  expect(wrong).toEqual([]);
  expect(texts.size).toBeGreaterThan(500);
  device.destroy();
});
