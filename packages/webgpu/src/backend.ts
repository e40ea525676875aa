import { CallFailure, dtypes, elementSpan, isContiguous, refuse, SsError, throwIfAborted } from '@ss/core';
import type {
  AllocOptions,
  Assessment,
  Backend,
  BoundCall,
  DeviceInfo,
  MemoryInfo,
  OpCall,
  OpName,
  Packing,
  PreparedCalls,
  TensorSpec,
  WeightDType,
} from '@ss/core';
import { bufferUsage } from './flags.ts';
import { Pages } from './memory/pages.ts';
import type { Allocation, Page } from './memory/pages.ts';
import { gather } from './ops/gather.ts';
import { kernelOps } from './ops/index.ts';
import type { Means } from './ops/kernel-op.ts';
import { packingOf } from './ops/packing.ts';
import { patch } from './ops/patch.ts';
import { parameterBytes, Pipelines } from './queue/pipelines.ts';
import { CommandStream } from './queue/stream.ts';
import type { Command } from './queue/stream.ts';
import { lower } from './shader/lower.ts';
import type { Lowered } from './shader/lower.ts';

type Calls = readonly BoundCall<Allocation>[];

/** WebGPU does not say how wide a device is: enough to fill a small one, which a large one is not slowed down by. */
const gpuWorkgroups = 512;
/** A fallback adapter has as many as the processor has cores. */
const processorWorkgroups = 8;

export interface BackendOptions {
  /** Bytes of all pages together. */
  readonly total: number;
  /** Whether the device ends with the backend. */
  readonly owned: boolean;
}

/** The contract's backend over one GPU device. */
export class WebGpuBackend implements Backend<Allocation> {
  readonly id = 'webgpu';
  readonly device: DeviceInfo;
  readonly ops: readonly OpName[] = Object.keys(kernelOps) as OpName[];
  readonly lost: Promise<SsError>;
  readonly #gpu: GPUDevice;
  readonly #owned: boolean;
  readonly #pages: Pages;
  readonly #pipelines: Pipelines;
  readonly #stream: CommandStream;
  readonly #means: Means;
  #gone: SsError | undefined;
  #liveBytes = 0;
  #liveBuffers = 0;

  constructor(info: DeviceInfo, device: GPUDevice, { total, owned }: BackendOptions) {
    this.device = info;
    this.#gpu = device;
    this.#owned = owned;
    const { maxStorageBufferBindingSize, maxBufferSize, maxStorageBuffersPerShaderStage } = device.limits;
    const page = Math.min(maxStorageBufferBindingSize, maxBufferSize);
    this.#means = {
      mostBytes: Math.min(page, total),
      mostBindings: maxStorageBuffersPerShaderStage,
      workgroupsAtOnce: info.kind === 'gpu' ? gpuWorkgroups : processorWorkgroups,
    };
    this.#pipelines = new Pipelines(device);
    this.#pages = new Pages(device, { page, total }, (gone) => this.#pipelines.forgetPage(gone));
    this.lost = device.lost.then(({ reason, message }) => {
      this.#gone = new SsError('device-lost', `webgpu: the device was lost: ${message || reason}.`, {
        hint: 'Select a backend again.',
        details: { reason },
      });
      return this.#gone;
    });
    this.#stream = new CommandStream(device, this.#pipelines, this.lost);
  }

  assess(call: OpCall): Assessment {
    const large = this.#tooLarge(call);
    if (large) return large;
    const assessment = kernelOps[call.op]!.assess(call, this.#means);
    if (!assessment.ok) return assessment;
    if (assessment.scratchBytes !== undefined && assessment.scratchBytes > this.#means.mostBytes) {
      return this.#sizeExceeded(`its intermediate results take ${assessment.scratchBytes} bytes`);
    }
    if (!assessment.contiguous) return assessment;
    // Ops name what their kernel wants dense; a plan names what the engine has to copy for that.
    const contiguous = assessment.contiguous.filter(
      (name) => call.inputs[name] && !isContiguous(call.inputs[name]),
    );
    return { ...assessment, contiguous };
  }

  packing(weight: TensorSpec, as: WeightDType): Packing | undefined {
    return packingOf(weight, as);
  }

  submit(calls: Calls): Promise<void> {
    this.#requirePresent();
    const copies: Allocation[] = [];
    try {
      return this.#stream.run(this.#lower(calls, copies).map(({ lowered }) => lowered));
    } finally {
      this.#giveBack(copies);
    }
  }

  async prepare(
    calls: Calls,
    { signal }: { readonly signal?: AbortSignal | undefined },
  ): Promise<PreparedCalls> {
    throwIfAborted(signal, 'preparing a program');
    this.#requirePresent();
    const copies: Allocation[] = [];
    try {
      return await this.#prepare(calls, copies, signal);
    } catch (error) {
      this.#giveBack(copies);
      throw error;
    }
  }

  async #prepare(
    calls: Calls,
    copies: Allocation[],
    signal: AbortSignal | undefined,
  ): Promise<PreparedCalls> {
    const list = this.#lower(calls, copies).filter(({ lowered }) => lowered.groups > 0);
    const pipelines = await Promise.all(
      list.map(({ lowered, call }) =>
        this.#pipelines.compile(lowered).catch((cause: unknown) => this.#notCompiled(calls[call]!, cause)),
      ),
    );
    throwIfAborted(signal, 'preparing a program');
    this.#requirePresent();
    const { uniform, commands } = this.#commands(
      list.map(({ lowered }) => lowered),
      pipelines,
    );
    const pages: ReadonlySet<Page> = new Set(
      list.flatMap(({ lowered }) => lowered.bindings.map(({ page }) => page)),
    );
    return {
      submit: () => {
        this.#requirePresent();
        return this.#stream.replay(commands, pages);
      },
      dispose: () => {
        this.#stream.flush();
        this.#pipelines.forgetUniform(uniform);
        uniform.destroy();
        this.#giveBack(copies);
      },
    };
  }

  alloc(byteLength: number, { zero, bank = 0 }: AllocOptions): Allocation {
    this.#requirePresent();
    const allocation = this.#allocate(byteLength, bank);
    this.#liveBytes += byteLength;
    this.#liveBuffers++;
    if (zero) this.#stream.clear(allocation);
    return allocation;
  }

  free(allocation: Allocation): void {
    this.#giveBack([allocation]);
    this.#liveBytes -= allocation.byteLength;
    this.#liveBuffers--;
  }

  write(allocation: Allocation, byteOffset: number, bytes: Uint8Array): void {
    this.#requirePresent();
    const end = byteOffset + bytes.byteLength;
    const first = Math.ceil(byteOffset / 4) * 4;
    const last = Math.floor(end / 4) * 4;
    if (first < last)
      this.#stream.write(allocation, first, bytes.subarray(first - byteOffset, last - byteOffset));
    // The ends that fill no whole word are merged into what is there.
    const part = (from: number, to: number): void => {
      if (from >= to) return;
      const piece = bytes.subarray(from - byteOffset, to - byteOffset);
      void this.#stream.run([lower(patch(allocation, from, piece))]);
    };
    part(byteOffset, Math.min(first, end));
    part(Math.max(last, first), end);
  }

  read(allocation: Allocation, byteOffset: number, byteLength: number): Promise<Uint8Array> {
    this.#requirePresent();
    return this.#stream.read(allocation, byteOffset, byteLength);
  }

  memory(): MemoryInfo {
    return {
      liveBytes: this.#liveBytes,
      liveBuffers: this.#liveBuffers,
      reservedBytes: this.#pages.reservedBytes,
    };
  }

  trim(): void {
    this.#requirePresent();
    this.#stream.trim();
    this.#pages.trim();
  }

  dispose(): void {
    if (!this.#gone) this.#stream.dispose();
    this.#pages.dispose();
    if (this.#owned) this.#gpu.destroy();
  }

  /** What banks keep for themselves goes to the one that needs it, before memory is refused. */
  #allocate(byteLength: number, bank: number): Allocation {
    try {
      return this.#pages.alloc(byteLength, bank);
    } catch (error) {
      if (!SsError.is(error, 'out-of-memory')) throw error;
      this.trim();
      return this.#pages.alloc(byteLength, bank);
    }
  }

  #requirePresent(): void {
    if (this.#gone) throw this.#gone;
  }

  /** @param copies takes what has to be given back once the calls have been encoded for the last time */
  #lower(calls: Calls, copies: Allocation[]): { readonly lowered: Lowered; readonly call: number }[] {
    const { mostBindings } = this.#means;
    const alloc = (byteLength: number): Allocation => {
      const memory = this.#allocate(byteLength, 0);
      copies.push(memory);
      return memory;
    };
    return calls.flatMap((each, call) =>
      kernelOps[each.op]!.dispatches(each, this.#means).flatMap((dispatch) => {
        const lowered = lower(dispatch);
        if (lowered.bindings.length <= mostBindings) return { lowered, call };
        const gathered = gather(dispatch, lowered, mostBindings, alloc);
        if (gathered === undefined) {
          const { length } = lowered.bindings;
          const why = `its arguments lie in ${length} buffers of the device, and a kernel sees ${mostBindings}`;
          throw new CallFailure(call, new Error(why));
        }
        return [...gathered.copies, gathered.dispatch].map((one) => ({ lowered: lower(one), call }));
      }),
    );
  }

  #giveBack(memory: readonly Allocation[]): void {
    // What has been encoded may still refer to the page.
    if (memory.some(({ page }) => page.own)) this.#stream.flush();
    for (const each of memory) this.#pages.free(each);
  }

  async #notCompiled({ op, inputs }: BoundCall<Allocation>, cause: unknown): Promise<never> {
    // Whether the device is gone, it says after it has failed whatever was pending.
    await new Promise((resolve) => setTimeout(resolve));
    this.#requirePresent();
    const shapes = Object.entries(inputs).map(
      ([name, { dtype, shape }]) => `${name} ${dtype} (${shape.join(', ')})`,
    );
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new SsError('execution-failed', `${op}(${shapes.join(', ')}) cannot be compiled: ${message}`, {
      cause,
      details: { op },
    });
  }

  /** Everything that does not change from run to run: parameters, and what they are bound with. */
  #commands(
    list: readonly Lowered[],
    pipelines: readonly GPUComputePipeline[],
  ): { readonly uniform: GPUBuffer; readonly commands: readonly Command[] } {
    const uniform = this.#gpu.createBuffer({
      label: 'parameters of a program',
      size: Math.max(1, list.length) * parameterBytes,
      usage: bufferUsage.uniform | bufferUsage.copyDestination,
    });
    const block = parameterBytes / 4;
    const words = new Uint32Array(Math.max(1, list.length) * block);
    for (const [index, lowered] of list.entries()) words.set(lowered.words, index * block);
    this.#gpu.queue.writeBuffer(uniform, 0, words);
    const commands = list.map(({ bindings, groups }, index) => ({
      pipeline: pipelines[index]!,
      group: this.#pipelines.group(uniform, bindings),
      offset: index * parameterBytes,
      ...this.#stream.fold(groups),
    }));
    return { uniform, commands };
  }

  #tooLarge(call: OpCall): Assessment | undefined {
    for (const [name, spec] of [...Object.entries(call.inputs), ...Object.entries(call.outputs)]) {
      if (spec.format !== undefined) continue;
      const { start, end } = elementSpan(spec);
      const bytes = (end - start) * dtypes[spec.dtype].bytes;
      if (bytes > this.#means.mostBytes) return this.#sizeExceeded(`${name} takes ${bytes} bytes`);
    }
    return undefined;
  }

  #sizeExceeded(what: string): Assessment {
    return refuse({
      code: 'size-exceeded',
      message: `${what}, and a buffer of this device has at most ${this.#means.mostBytes}`,
      origin: 'device',
      fix: 'Split the batch or the sequence.',
    });
  }
}
