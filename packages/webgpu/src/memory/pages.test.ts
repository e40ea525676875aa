import { createRegistry, tensor } from '@ss/core';
import type { Tensor } from '@ss/core';
import { wasm } from '@ss/wasm';
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

test('trim gives pages back that no tensor lies in, and so does memory that is short', async ({ skip }) => {
  skip(gpu === undefined, NO_ADAPTER);
  await using engine = await createRegistry([webgpu({ gpu, maxMemory: 40 * MiB })]).select({
    require: 'webgpu',
  });
  using kept = engine.tensor([1, 2, 3]);
  const { reservedBytes } = engine.memory();
  const state = engine.state([1000]);
  // A result lies in a page of another bank than what it is made of.
  const y = engine.silu({ x: kept });
  expect(engine.memory().reservedBytes).toBeGreaterThan(reservedBytes);
  engine.trim();
  expect(engine.memory().reservedBytes).toBeGreaterThan(reservedBytes);
  expect((await y.read())[0]).toBeCloseTo(0.7310586, 6);
  // Work that has not been submitted may refer to what is free.
  engine.add({ a: y, b: y }).dispose();
  for (const tensor of [state, y]) tensor.dispose();
  engine.trim();
  expect(engine.memory().reservedBytes).toBe(reservedBytes);
  await engine.sync();
  for (let round = 0; round < 2; round++) {
    engine.state([1000]).dispose();
    using z = engine.silu({ x: kept });
    expect((await z.read())[0]).toBeCloseTo(0.7310586, 6);
  }
  // Beside one page there is room for it, beside three there is not.
  using large = engine.state([6 * MiB]);
  expect(large.size).toBe(6 * MiB);
  expect((await engine.add({ a: kept, b: kept }).read())[2]).toBe(6);
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

test('more large tensors than a kernel has bindings', async ({ skip }) => {
  skip(gpu === undefined, NO_ADAPTER);
  const device = await (await gpu!.requestAdapter())!.requestDevice();
  expect(device.limits.maxStorageBuffersPerShaderStage).toBe(8);
  await using engine = await createRegistry([webgpu({ device })]).select({ require: 'webgpu' });
  await using exact = await createRegistry([wasm()]).select({ require: 'wasm' });
  // Each of the seven (B, L, D) is larger than a page that is shared, and so alone.
  const [L, D, N] = [2050, 1024, 1];
  const wave = (shift: number, ...shape: number[]): Tensor =>
    tensor(
      Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i * 0.7 + shift)),
      shape,
    );
  const args = {
    u: wave(0, 1, L, D),
    delta: wave(1, 1, L, D),
    A: tensor(new Float32Array(D * N).fill(-1), [D, N]),
    B: wave(2, 1, L, N),
    C: wave(3, 1, L, N),
    z: wave(4, 1, L, D),
    dy: wave(5, 1, L, D),
    softplus: true,
  };
  const expected = await read({ ...exact.selectiveScanBackward(args) });
  const close = (actual: Readonly<Record<string, Float32Array>>): void => {
    for (const [name, values] of Object.entries(expected)) {
      const off = values.reduce((most, value, i) => Math.max(most, Math.abs(value - actual[name]![i]!)), 0);
      const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      expect([name, off / largest < 1e-4]).toEqual([name, true]);
    }
  };
  close(await read({ ...engine.selectiveScanBackward(args) }));
  // The same as a program, twice.
  const { softplus, ...tensors } = args;
  const given = Object.fromEntries(
    Object.entries(tensors).map(([name, each]) => [name, engine.upload(each)]),
  );
  const program = engine.record({}, () => ({
    ...engine.call('selectiveScanBackward', { ...given, softplus }),
  }));
  await engine.prepare(program);
  program.run({});
  close(await read(program.run({}), false));
  program.dispose();
  for (const each of Object.values(given)) each.dispose();
  device.destroy();
});

/** Values by name; the tensors are disposed. */
async function read(
  outputs: Readonly<Record<string, Tensor | undefined>>,
  dispose = true,
): Promise<Record<string, Float32Array>> {
  const values: Record<string, Float32Array> = {};
  for (const [name, each] of Object.entries(outputs)) {
    if (each === undefined) continue;
    values[name] = (await each.read()) as Float32Array;
    if (dispose) each.dispose();
  }
  return values;
}
