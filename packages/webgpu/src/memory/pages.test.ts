import { createRegistry, tensor } from '@ss/core';
import { expect, test } from 'vitest';
import { NO_ADAPTER, softwareGpu } from '../../test/software-gpu.ts';
import { webgpu } from '../index.ts';

const gpu = await softwareGpu();
const MiB = 2 ** 20;

test('memory beyond maxMemory is refused with the sizes, and what there is goes on', async ({ skip }) => {
  skip(gpu === undefined, NO_ADAPTER);
  await using engine = await createRegistry([webgpu({ gpu, maxMemory: 32 * MiB })]).select({
    require: 'webgpu',
  });
  using kept = engine.upload(tensor([1, 2, 3]));
  expect(() => engine.state([9 * MiB])).toThrow(expect.objectContaining({ code: 'out-of-memory' }));
  using y = engine.silu({ x: kept });
  expect((await y.read())[0]).toBeCloseTo(0.7310586, 6);
});

test('large tensors give their memory back to the device at once, small ones to the page', async ({
  skip,
}) => {
  skip(gpu === undefined, NO_ADAPTER);
  await using engine = await createRegistry([webgpu({ gpu })]).select({ require: 'webgpu' });
  const empty = engine.memory();
  expect(empty).toMatchObject({ liveBytes: 0, liveBuffers: 0 });
  const small = engine.state([1000]);
  const large = engine.state([20 * MiB]);
  const { reservedBytes } = engine.memory();
  expect(engine.memory().liveBytes).toBe(4000 + 80 * MiB);
  large.dispose();
  expect(engine.memory().reservedBytes).toBe(reservedBytes - 80 * MiB);
  small.dispose();
  expect(engine.memory()).toMatchObject({ liveBytes: 0, liveBuffers: 0 });
});

test('kernels do not write to the pages that they read', async ({ skip }) => {
  skip(gpu === undefined, NO_ADAPTER);
  const device = await (await gpu!.requestAdapter())!.requestDevice();
  const layouts: (GPUBufferBindingType | undefined)[][] = [];
  const create = device.createBindGroupLayout.bind(device);
  device.createBindGroupLayout = (descriptor) => {
    // After the parameters.
    layouts.push([...descriptor.entries].slice(1).map(({ buffer }) => buffer?.type));
    return create(descriptor);
  };
  await using engine = await createRegistry([webgpu({ device })]).select({ require: 'webgpu' });
  const program = engine.record({ x: { dtype: 'f32', shape: [16, 8] } }, ({ x }) => {
    const y = engine.linear({ x, weight: engine.upload(tensor(new Float32Array(64), [8, 8])) });
    return engine.silu({ x: engine.add({ a: y, b: engine.silu({ x: y }) }) });
  });
  await engine.prepare(program);
  program.run({ x: engine.upload(tensor(new Float32Array(128), [16, 8])) });
  await engine.sync();
  expect(layouts.length).toBeGreaterThan(1);
  for (const types of layouts) {
    expect(types).toContain('read-only-storage');
    expect(types.filter((type) => type === 'storage')).toHaveLength(1);
  }
  program.dispose();
  device.destroy();
});
