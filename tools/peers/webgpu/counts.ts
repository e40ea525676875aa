/** What a library asked of WebGPU since the last look. */
export interface Counts {
  readonly dispatches: number;
  readonly submits: number;
  /** Bytes of the buffers that dispatches were given: what they move if each is read or written once. */
  readonly boundBytes: number;
  /** Buffers that were created, and their bytes. */
  readonly buffers: number;
  readonly bufferBytes: number;
}

type Mutable = { -readonly [K in keyof Counts]: Counts[K] };

/** Counts for all devices of the page. @returns the counts, which start again at 0 */
export function countCalls(): () => Counts {
  const none = (): Mutable => ({ dispatches: 0, submits: 0, boundBytes: 0, buffers: 0, bufferBytes: 0 });
  let counts = none();
  const groups = new WeakMap<GPUBindGroup, number>();
  const bound = new WeakMap<GPUComputePassEncoder, Map<number, number>>();

  after(GPUDevice.prototype, 'createBuffer', (_, buffer) => {
    counts.buffers++;
    counts.bufferBytes += buffer.size;
  });
  after(GPUDevice.prototype, 'createBindGroup', (_, group, { entries }) => {
    groups.set(
      group,
      [...entries].reduce((sum, { resource }) => sum + bytesOf(resource), 0),
    );
  });
  after(GPUComputePassEncoder.prototype, 'setBindGroup', (pass, _, index, group) => {
    const all = bound.get(pass) ?? new Map<number, number>();
    bound.set(pass, all.set(index, groups.get(group!) ?? 0));
  });
  const dispatched = (pass: GPUComputePassEncoder): void => {
    counts.dispatches++;
    for (const bytes of bound.get(pass)?.values() ?? []) counts.boundBytes += bytes;
  };
  after(GPUComputePassEncoder.prototype, 'dispatchWorkgroups', dispatched);
  after(GPUComputePassEncoder.prototype, 'dispatchWorkgroupsIndirect', dispatched);
  after(GPUQueue.prototype, 'submit', () => counts.submits++);
  return () => {
    const taken = counts;
    counts = none();
    return taken;
  };
}

function bytesOf(resource: GPUBindingResource): number {
  if (resource instanceof GPUBuffer) return resource.size;
  if (!('buffer' in resource)) return 0;
  return resource.size ?? resource.buffer.size - (resource.offset ?? 0);
}

/** Looks at every call of a method. */
function after<T extends object, K extends keyof T>(
  prototype: T,
  name: K,
  look: T[K] extends (...args: infer A) => infer R ? (on: T, result: R, ...args: A) => void : never,
): void {
  const original = prototype[name] as (...args: unknown[]) => unknown;
  const seen = look as (on: unknown, result: unknown, ...args: unknown[]) => void;
  (prototype as Record<PropertyKey, unknown>)[name] = function (this: unknown, ...args: unknown[]): unknown {
    const result = original.apply(this, args);
    seen(this, result, ...args);
    return result;
  };
}
