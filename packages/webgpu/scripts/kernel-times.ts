import { bufferUsage, mapRead } from '../src/flags.ts';

/** Dispatches that are timed between two looks. */
const most = 2048;

/** Kernels by name: how often they ran, and for how many seconds of the device. */
export type KernelTimes = ReadonlyMap<string, { readonly count: number; readonly seconds: number }>;

/** Gives every dispatch of a device a pass of its own, between two times. @returns what was timed since the last look */
export function timeKernels(device: GPUDevice): () => Promise<KernelTimes> {
  const querySet = device.createQuerySet({ type: 'timestamp', count: 2 * most });
  const size = 16 * most;
  const resolved = device.createBuffer({ size, usage: bufferUsage.queryResolve | bufferUsage.copySource });
  const read = device.createBuffer({ size, usage: mapRead | bufferUsage.copyDestination });
  /** By the number of their pair of times; those of an encoder start at a multiple of 16, where times can be resolved to. */
  let names: (string | undefined)[] = [];

  const createCommandEncoder = device.createCommandEncoder.bind(device);
  device.createCommandEncoder = (descriptor) => {
    const encoder = createCommandEncoder(descriptor);
    const beginComputePass = encoder.beginComputePass.bind(encoder);
    const finish = encoder.finish.bind(encoder);
    let first: number | undefined;
    encoder.finish = (options) => {
      const last = Math.min(names.length, most);
      if (first !== undefined && first < last) {
        encoder.resolveQuerySet(querySet, 2 * first, 2 * (last - first), resolved, 16 * first);
      }
      return finish(options);
    };
    encoder.beginComputePass = () => {
      let pipeline: GPUComputePipeline | undefined;
      let group: [number, GPUBindGroup, readonly number[]] | undefined;
      return {
        setPipeline: (given: GPUComputePipeline) => (pipeline = given),
        setBindGroup: (...given: [number, GPUBindGroup, readonly number[]]) => (group = given),
        dispatchWorkgroups(x: number, y?: number) {
          first ??= Math.ceil(names.length / 16) * 16;
          if (names.length < first) names.length = first;
          const at = 2 * names.push(pipeline!.label) - 2;
          const timestampWrites =
            at < 2 * most
              ? { querySet, beginningOfPassWriteIndex: at, endOfPassWriteIndex: at + 1 }
              : undefined;
          const pass = beginComputePass(timestampWrites && { timestampWrites });
          pass.setPipeline(pipeline!);
          pass.setBindGroup(...group!);
          pass.dispatchWorkgroups(x, y);
          pass.end();
        },
        end: () => undefined,
      } as unknown as GPUComputePassEncoder;
    };
    return encoder;
  };

  return async () => {
    const taken = names.slice(0, most);
    names = [];
    if (taken.length === 0) return new Map();
    const encoder = createCommandEncoder();
    encoder.copyBufferToBuffer(resolved, 0, read, 0, 16 * taken.length);
    device.queue.submit([encoder.finish()]);
    await read.mapAsync(mapRead);
    const times = new BigUint64Array(read.getMappedRange().slice(0));
    read.unmap();
    const kernels = new Map<string, { count: number; seconds: number }>();
    for (const [i, name] of taken.entries()) {
      if (name === undefined) continue;
      const of = kernels.get(name) ?? { count: 0, seconds: 0 };
      of.count++;
      of.seconds += Number(times[2 * i + 1]! - times[2 * i]!) / 1e9;
      kernels.set(name, of);
    }
    return kernels;
  };
}
