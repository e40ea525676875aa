import { SsError, trace, tracing } from '@ss/core';
import { bufferUsage } from '../flags.ts';
import type { Allocation, Page } from '../memory/pages.ts';
import type { Lowered } from '../shader/lower.ts';
import { parameterBytes } from './pipelines.ts';
import type { Pipelines } from './pipelines.ts';
import { ReadStaging } from './staging.ts';
import { Stopwatch } from './stopwatch.ts';

/** Parameter blocks of one submission. */
const mostBlocks = 256;
const words = parameterBytes / 4;

/** A dispatch with its objects, ready to be encoded. */
export interface Command {
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
  /** Of its parameters in the uniform buffer. */
  readonly offset: number;
  readonly x: number;
  readonly y: number;
}

/** Commands that have been encoded and not yet submitted. */
interface Batch {
  readonly encoder: GPUCommandEncoder;
  pass: GPUComputePassEncoder | undefined;
  blocks: number;
  dispatches: number;
  /** While somebody listens, where the device has a clock. */
  readonly stopwatch: Stopwatch | undefined;
  readonly pages: Set<Page>;
  /** Answers of error scopes that were opened while it was encoded. */
  readonly scopes: Promise<GPUError | null>[];
  readonly done: PromiseWithResolvers<void>;
}

interface PromiseWithResolvers<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(error: unknown): void;
}

/**
 * The order of everything: dispatches, fills and reads gather in one command buffer, which is submitted when a
 * write must come after it, when it is full, or when the program comes back to its event loop.
 */
export class CommandStream {
  readonly #device: GPUDevice;
  readonly #pipelines: Pipelines;
  readonly #staging: ReadStaging;
  readonly #uniform: GPUBuffer;
  readonly #blocks = new Uint32Array(mostBlocks * words);
  /** Rejects when the device goes away. */
  readonly #lost: Promise<never>;
  readonly #mostGroups: number;
  readonly #hasClock: boolean;
  #batch: Batch | undefined;

  constructor(device: GPUDevice, pipelines: Pipelines, lost: Promise<SsError>) {
    this.#device = device;
    this.#pipelines = pipelines;
    this.#staging = new ReadStaging(device);
    this.#uniform = device.createBuffer({
      label: 'parameters',
      size: mostBlocks * parameterBytes,
      usage: bufferUsage.uniform | bufferUsage.copyDestination,
    });
    this.#lost = lost.then((error) => {
      throw error;
    });
    this.#lost.catch(() => undefined);
    this.#hasClock = device.features.has('timestamp-query');
    this.#mostGroups = device.limits.maxComputeWorkgroupsPerDimension;
  }

  /** Runs kernels, compiling what is new. @returns when they have run */
  run(list: readonly Lowered[]): Promise<void> {
    for (const lowered of list) {
      if (lowered.groups === 0) continue;
      if (this.#batch && this.#batch.blocks === mostBlocks) this.flush();
      const batch = this.#open();
      const [pipeline, group] = this.#checked(batch, () => [
        this.#pipelines.get(lowered),
        this.#pipelines.group(this.#uniform, lowered.bindings),
      ]);
      const block = batch.blocks++;
      this.#blocks.set(lowered.words, block * words);
      this.#encode(batch, { pipeline, group, offset: block * parameterBytes, ...this.fold(lowered.groups) });
      for (const { page } of lowered.bindings) batch.pages.add(page);
    }
    return this.#open().done.promise;
  }

  /** Runs commands that were made before. @returns when they have run */
  replay(commands: readonly Command[], pages: ReadonlySet<Page>): Promise<void> {
    const batch = this.#open();
    for (const command of commands) this.#encode(batch, command);
    for (const page of pages) batch.pages.add(page);
    return batch.done.promise;
  }

  /** Workgroups in two dimensions, as one has not enough of them. */
  fold(groups: number): { readonly x: number; readonly y: number } {
    const y = Math.ceil(groups / this.#mostGroups);
    return { x: Math.ceil(groups / y), y };
  }

  /** Zeroes an allocation. */
  clear({ page, address, byteLength }: Allocation): void {
    const batch = this.#open();
    endPass(batch);
    batch.encoder.clearBuffer(page.buffer, address, Math.ceil(byteLength / 4) * 4);
    batch.pages.add(page);
  }

  /** Whole words from the host. */
  write({ page, address }: Allocation, byteOffset: number, bytes: Uint8Array): void {
    if (bytes.byteLength === 0) return;
    this.flush();
    this.#device.queue.writeBuffer(page.buffer, address + byteOffset, bytes as Uint8Array<ArrayBuffer>);
  }

  /** The bytes as of now. */
  read({ page, address }: Allocation, byteOffset: number, byteLength: number): Promise<Uint8Array> {
    if (byteLength === 0) return Promise.resolve(new Uint8Array());
    const batch = this.#open();
    endPass(batch);
    const skip = byteOffset % 4;
    const copied = Math.ceil((skip + byteLength) / 4) * 4;
    const { buffer, offset, bytes } = this.#staging.reserve(copied, skip, byteLength);
    batch.encoder.copyBufferToBuffer(page.buffer, address + byteOffset - skip, buffer, offset, copied);
    batch.pages.add(page);
    return bytes;
  }

  /** Submits what has been encoded. */
  flush(): void {
    const batch = this.#batch;
    if (batch === undefined) return;
    this.#batch = undefined;
    endPass(batch);
    const { queue } = this.#device;
    const { blocks, scopes, pages, encoder, done } = batch;
    this.#time(batch);
    if (blocks > 0) queue.writeBuffer(this.#uniform, 0, this.#blocks, 0, blocks * words);
    this.#device.pushErrorScope('out-of-memory');
    this.#device.pushErrorScope('internal');
    this.#device.pushErrorScope('validation');
    queue.submit([encoder.finish()]);
    for (let scope = 0; scope < 3; scope++) scopes.push(this.#device.popErrorScope());
    const finished = Promise.all([queue.onSubmittedWorkDone(), ...[...pages].map(({ settled }) => settled)]);
    const outcome = finished.then(() => requireSound(scopes, pages));
    Promise.race([outcome, this.#lost]).then(done.resolve, done.reject);
    this.#staging.map(done.promise);
  }

  /** Submits what has been encoded, and gives back what is kept for later reads. */
  trim(): void {
    this.flush();
    this.#staging.trim();
  }

  dispose(): void {
    this.trim();
    this.#uniform.destroy();
  }

  #open(): Batch {
    if (this.#batch) return this.#batch;
    const done = withResolvers<void>();
    done.promise.catch(() => undefined);
    this.#batch = {
      encoder: this.#device.createCommandEncoder(),
      pass: undefined,
      blocks: 0,
      dispatches: 0,
      stopwatch: this.#hasClock && tracing() ? new Stopwatch(this.#device) : undefined,
      pages: new Set(),
      scopes: [],
      done,
    };
    queueMicrotask(() => this.flush());
    return this.#batch;
  }

  /** Tells whoever listens how long the device took. */
  #time({ stopwatch, dispatches, encoder }: Batch): void {
    if (stopwatch === undefined) return;
    if (dispatches > 0) {
      const { bytes, ...place } = this.#staging.reserve(Stopwatch.bytes, 0, Stopwatch.bytes);
      stopwatch.stop(encoder, place);
      const tell = (times: Uint8Array): void =>
        trace({
          type: 'device',
          backend: 'webgpu',
          dispatches,
          milliseconds: Stopwatch.milliseconds(times),
        });
      // A failure is heard of by whoever reads results.
      bytes.then(tell, () => undefined).finally(() => stopwatch.dispose());
    } else stopwatch.dispose();
  }

  #encode(batch: Batch, { pipeline, group, offset, x, y }: Command): void {
    batch.pass ??= batch.encoder.beginComputePass(batch.stopwatch?.pass);
    batch.dispatches++;
    batch.pass.setPipeline(pipeline);
    batch.pass.setBindGroup(0, group, [offset]);
    batch.pass.dispatchWorkgroups(x, y);
  }

  /** What goes wrong in `make` is what goes wrong with the batch. */
  #checked<const T>(batch: Batch, make: () => T): T {
    this.#device.pushErrorScope('validation');
    try {
      return make();
    } finally {
      batch.scopes.push(this.#device.popErrorScope());
    }
  }
}

function endPass(batch: Batch): void {
  batch.pass?.end();
  batch.pass = undefined;
}

/** @throws the first thing that went wrong */
async function requireSound(
  scopes: readonly Promise<GPUError | null>[],
  pages: ReadonlySet<Page>,
): Promise<void> {
  for (const { failure } of pages) if (failure) throw failure;
  for (const error of await Promise.all(scopes)) {
    if (!error) continue;
    const memory = error.constructor.name === 'GPUOutOfMemoryError';
    if (memory) throw new SsError('out-of-memory', `webgpu: ${error.message}`);
    throw new Error(error.message);
  }
}

/** `Promise.withResolvers` of ES2024. */
function withResolvers<T>(): PromiseWithResolvers<T> {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
