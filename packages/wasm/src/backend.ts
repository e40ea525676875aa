import { CallFailure, dtypes, elementSpan, isContiguous, refuse, SsError, throwIfAborted } from '@ss/core';
import type {
  Assessment,
  Backend,
  BoundCall,
  DeviceInfo,
  MemoryInfo,
  OpCall,
  OpName,
  Packing,
  PreparedCalls,
  Refusal,
  TensorSpec,
  WeightDType,
} from '@ss/core';
import type { KernelTable } from './executor/command-list.ts';
import { TRAPPED } from './executor/control.ts';
import { encodeList } from './executor/encode.ts';
import type { Step } from './executor/encode.ts';
import type { Executor, ListFailure } from './executor/executor.ts';
import { BusyRanges } from './memory/busy-ranges.ts';
import { HostHeap } from './memory/host-heap.ts';
import type { LinearMemory } from './memory/linear-memory.ts';
import type { Region } from './memory/region.ts';
import { copyBytes, fillZero } from './ops/bytes.ts';
import { kernelOps } from './ops/index.ts';
import { packingOf } from './ops/linear.ts';
import type { Work } from './ops/kernel-op.ts';

type Calls = readonly BoundCall<Region>[];

/** The contract's backend over one linear memory and whoever runs its command lists. */
export class WasmBackend implements Backend<Region> {
  readonly id = 'wasm';
  readonly device: DeviceInfo;
  readonly ops: readonly OpName[] = Object.keys(kernelOps) as OpName[];
  readonly lost?: Promise<SsError>;
  readonly #memory: LinearMemory;
  readonly #executor: Executor;
  readonly #kernels: ReadonlyMap<string, number>;
  readonly #heap: HostHeap;
  readonly #busy: BusyRanges = new BusyRanges((submission) => this.#hasRun(submission));
  #liveBytes = 0;
  #liveBuffers = 0;
  #disposed = false;

  constructor(device: DeviceInfo, memory: LinearMemory, executor: Executor, table: KernelTable) {
    this.device = device;
    this.#memory = memory;
    this.#executor = executor;
    this.#kernels = new Map(table.names.map((name, index) => [name, index]));
    this.#heap = new HostHeap(
      (byteLength) => this.#allocIdle(byteLength),
      (address) => memory.free(address),
    );
    if (executor.lost) this.lost = executor.lost;
  }

  assess(call: OpCall): Assessment {
    const large = tooLarge(call, this.#memory.maximum);
    if (large) return large;
    const assessment = kernelOps[call.op]!.assess(call, this.#executor);
    if (!assessment.ok || !assessment.contiguous) return assessment;
    // Ops name what their kernel wants dense; a plan names what the engine has to copy for that.
    const scattered = ({ shape, strides }: TensorSpec): boolean => !isContiguous({ shape, strides });
    const contiguous = assessment.contiguous.filter(
      (name) => call.inputs[name] && scattered(call.inputs[name]),
    );
    return { ...assessment, contiguous };
  }

  packing(weight: TensorSpec, as: WeightDType): Packing | undefined {
    return packingOf(weight, as);
  }

  submit(calls: Calls): void | Promise<void> {
    this.#requirePresent();
    const { steps, callOf } = this.#steps(calls);
    const list = this.#encode(steps);
    touch(regionsOf(calls), this.#executor.enqueued + 1);
    return this.#execute(list, steps, callOf, () => this.#heap.free(list));
  }

  async prepare(
    calls: Calls,
    { signal }: { readonly signal?: AbortSignal | undefined },
  ): Promise<PreparedCalls> {
    throwIfAborted(signal, 'preparing a program');
    this.#requirePresent();
    const { steps, callOf } = this.#steps(calls);
    const list = this.#encode(steps);
    const regions = regionsOf(calls);
    let pending = 0;
    let disposed = false;
    const freeWhenIdle = (): void => {
      if (disposed && pending === 0) this.#heap.free(list);
    };
    return {
      submit: () => {
        this.#requirePresent();
        touch(regions, this.#executor.enqueued + 1);
        pending++;
        return this.#execute(list, steps, callOf, () => {
          pending--;
          freeWhenIdle();
        });
      },
      dispose: () => {
        if (disposed) return;
        disposed = true;
        freeWhenIdle();
      },
    };
  }

  alloc(byteLength: number, { zero }: { readonly zero: boolean }): Region {
    this.#requirePresent();
    const address = this.#memory.alloc(byteLength);
    const region = { address, byteLength, lastUse: this.#busy.lastUse(address, byteLength) };
    this.#liveBytes += byteLength;
    this.#liveBuffers++;
    if (zero && this.#hasRun(region.lastUse)) this.#memory.bytes.fill(0, address, address + byteLength);
    else if (zero) this.#enqueue(region, fillZero(address, byteLength))?.catch(reportedByOthers);
    return region;
  }

  free(region: Region): void {
    this.#memory.free(region.address);
    this.#busy.add(region.address, region.byteLength, region.lastUse);
    this.#liveBytes -= region.byteLength;
    this.#liveBuffers--;
  }

  write(region: Region, byteOffset: number, bytes: Uint8Array): void {
    this.#requirePresent();
    const to = region.address + byteOffset;
    if (this.#hasRun(region.lastUse)) {
      this.#memory.bytes.set(bytes, to);
      return;
    }
    const staged = this.#heap.alloc(bytes.byteLength);
    this.#memory.bytes.set(bytes, staged);
    const release = (): void => this.#heap.free(staged);
    this.#enqueue(region, copyBytes(to, staged, bytes.byteLength), { release })?.catch(reportedByOthers);
  }

  read(region: Region, byteOffset: number, byteLength: number): Uint8Array | Promise<Uint8Array> {
    this.#requirePresent();
    const from = region.address + byteOffset;
    if (this.#hasRun(region.lastUse)) return this.#memory.bytes.slice(from, from + byteLength);
    const staged = this.#heap.alloc(byteLength);
    let bytes: Uint8Array | undefined;
    const release = (): void => {
      bytes = this.#memory.bytes.slice(staged, staged + byteLength);
      this.#heap.free(staged);
    };
    const done = this.#enqueue(region, copyBytes(staged, from, byteLength), { release, awaited: true });
    return Promise.resolve(done).then(() => bytes!);
  }

  memory(): MemoryInfo {
    return {
      liveBytes: this.#liveBytes,
      liveBuffers: this.#liveBuffers,
      reservedBytes: this.#memory.reservedBytes,
    };
  }

  dispose(): void | Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    const { completed, enqueued, failure } = this.#executor;
    // A thread that was stopped at work may write for a moment more.
    const idle = completed === enqueued && failure === undefined;
    const ended = this.#executor.dispose();
    const release = (): void => this.#memory.release({ idle });
    return ended ? ended.then(release) : release();
  }

  #requirePresent(): void {
    if (this.#disposed) throw new SsError('engine-disposed', 'The wasm backend was disposed.');
    if (this.#executor.failure) throw this.#executor.failure;
  }

  /** Memory that nothing on its way touches; what is freed but busy is set aside meanwhile. */
  #allocIdle(byteLength: number): number {
    const aside: number[] = [];
    try {
      for (;;) {
        const address = this.#memory.alloc(byteLength);
        if (this.#busy.lastUse(address, byteLength) === 0) return address;
        aside.push(address);
      }
    } finally {
      for (const address of aside) this.#memory.free(address);
    }
  }

  #hasRun(submission: number): boolean {
    return this.#executor.completed >= submission;
  }

  #steps(calls: Calls): { steps: readonly Step[]; callOf: readonly number[] } {
    const steps: Step[] = [];
    const callOf: number[] = [];
    for (const [index, call] of calls.entries()) {
      const scratch = call.scratch?.address ?? 0;
      for (const work of kernelOps[call.op]!.works(call, this.#executor)) {
        steps.push({ work, scratch });
        callOf.push(index);
      }
    }
    return { steps, callOf };
  }

  #encode(steps: readonly Step[], awaited = false): number {
    return encodeList(steps, this.#memory, this.#heap, this.#kernels, this.#executor.threads, awaited);
  }

  /** One built-in step, in order with everything else. */
  #enqueue(
    region: Region,
    work: Work,
    { release, awaited = false }: { readonly release?: () => void; readonly awaited?: boolean } = {},
  ): void | Promise<void> {
    const steps = [{ work, scratch: 0 }];
    const list = this.#encode(steps, awaited);
    touch([region], this.#executor.enqueued + 1);
    return this.#execute(list, steps, [0], () => {
      release?.();
      this.#heap.free(list);
    });
  }

  #execute(
    list: number,
    steps: readonly Step[],
    callOf: readonly number[],
    release: () => void,
  ): void | Promise<void> {
    return this.#executor.execute(list, {
      release,
      explain: (failure) => new CallFailure(callOf[failure.index]!, describe(failure, steps[failure.index]!)),
    });
  }
}

/** Moving bytes fails only when the device is lost, and whatever wanted the bytes says that. */
function reportedByOthers(): void {}

function regionsOf(calls: Calls): ReadonlySet<Region> {
  const regions = new Set<Region>();
  for (const { inputs, outputs, scratch } of calls) {
    for (const { buffer } of Object.values(inputs)) regions.add(buffer);
    for (const { buffer } of Object.values(outputs)) regions.add(buffer);
    if (scratch) regions.add(scratch);
  }
  return regions;
}

function touch(regions: Iterable<Region>, submission: number): void {
  for (const region of regions) region.lastUse = submission;
}

function tooLarge(call: OpCall, maximum: number): Refusal | undefined {
  let bytes = 0;
  for (const spec of [...Object.values(call.inputs), ...Object.values(call.outputs)]) {
    const { start, end } = elementSpan(spec);
    bytes += (end - start) * dtypes[spec.dtype].bytes;
  }
  if (bytes <= maximum) return undefined;
  return refuse({
    code: 'size-exceeded',
    message: `its tensors take ${bytes} bytes and WebAssembly memory has ${maximum}`,
    origin: 'device',
    fix: 'Split the batch or the sequence.',
  });
}

function describe({ status, message }: ListFailure, { work }: Step): Error {
  const what = status === TRAPPED ? message : (work.fault?.(status) ?? `status ${status}`);
  return new Error(`the kernel ${work.kernel} stopped: ${what}.`);
}
