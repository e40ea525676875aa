import { bufferUsage, mapRead } from '../src/flags.ts';

/** What a device can do at most, as its own clock measures it. */
export interface DeviceLimits {
  /** Bytes read and written in a second. */
  readonly bandwidth: number;
  /** Multiply-adds of f32 count as two. */
  readonly flops: number;
}

const lanes = 256;
const repetitions = 5;
/** A device that has been idle works slowly for a while. */
const warmUpSeconds = 0.3;

/** Measures a copy of memory that no cache holds, and chains of multiply-adds. */
export async function measureLimits(device: GPUDevice): Promise<DeviceLimits> {
  const bytes = Math.min(2 ** 29, device.limits.maxStorageBufferBindingSize, device.limits.maxBufferSize);
  const from = storage(device, bytes);
  const to = storage(device, bytes);
  const vectors = bytes / 16;
  const across = 8192;
  const copying = await timed(device, [from, to], [across, vectors / lanes / across], copyCode(across));
  const chains = 8;
  const rounds = 1024;
  const groups = 4096;
  const adding = await timed(device, [from, to], [groups, 1], addCode(chains, rounds));
  from.destroy();
  to.destroy();
  return {
    bandwidth: (2 * bytes) / copying,
    flops: (groups * lanes * chains * rounds * 4 * 2) / adding,
  };
}

const bindings = `
@group(0) @binding(0) var<storage, read_write> source: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> sink: array<vec4<f32>>;`;

function copyCode(across: number): string {
  return `${bindings}
@compute @workgroup_size(${lanes})
fn main(@builtin(global_invocation_id) at: vec3<u32>) {
  let i = at.y * ${across * lanes}u + at.x;
  sink[i] = source[i];
}`;
}

function addCode(chains: number, rounds: number): string {
  const all = Array.from({ length: chains }, (_, i) => i);
  return `${bindings}
@compute @workgroup_size(${lanes})
fn main(@builtin(global_invocation_id) at: vec3<u32>) {
  let a = source[at.x] + 0.5;
  let b = source[at.x + 1u];
  ${all.map((i) => `var s${i} = a * ${i}.0;`).join('\n  ')}
  for (var round = 0u; round < ${rounds}u; round++) {
    ${all.map((i) => `s${i} = fma(s${i}, a, b);`).join('\n    ')}
  }
  sink[at.x] = ${all.map((i) => `s${i}`).join(' + ')};
}`;
}

function storage(device: GPUDevice, size: number): GPUBuffer {
  return device.createBuffer({
    size,
    usage: bufferUsage.storage | bufferUsage.copySource | bufferUsage.copyDestination,
  });
}

/** Seconds of the fastest of some runs. */
async function timed(
  device: GPUDevice,
  buffers: readonly GPUBuffer[],
  [x, y]: readonly [number, number],
  code: string,
): Promise<number> {
  const module = device.createShaderModule({ code });
  const pipeline = device.createComputePipeline({ layout: 'auto', compute: { module, entryPoint: 'main' } });
  const group = device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: buffers.map((buffer, binding) => ({ binding, resource: { buffer } })),
  });
  const querySet = device.createQuerySet({ type: 'timestamp', count: 2 * repetitions });
  const size = 16 * repetitions;
  const resolved = device.createBuffer({ size, usage: bufferUsage.queryResolve | bufferUsage.copySource });
  const read = device.createBuffer({ size, usage: bufferUsage.mapRead | bufferUsage.copyDestination });
  let [least, worked] = [Infinity, 0];
  while (worked < warmUpSeconds) {
    const encoder = device.createCommandEncoder();
    for (let i = 0; i < repetitions; i++) {
      const pass = encoder.beginComputePass({
        timestampWrites: { querySet, beginningOfPassWriteIndex: 2 * i, endOfPassWriteIndex: 2 * i + 1 },
      });
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(x, y);
      pass.end();
    }
    encoder.resolveQuerySet(querySet, 0, 2 * repetitions, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, read, 0, size);
    device.queue.submit([encoder.finish()]);
    await read.mapAsync(mapRead);
    const times = new BigUint64Array(read.getMappedRange().slice(0));
    read.unmap();
    for (let i = 0; i < repetitions; i++) {
      const seconds = Number(times[2 * i + 1]! - times[2 * i]!) / 1e9;
      worked += seconds;
      least = Math.min(least, seconds);
    }
  }
  return least;
}
