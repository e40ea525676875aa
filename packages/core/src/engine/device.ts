import type { Backend, MemoryInfo, TensorSpec } from '../backend.ts';
import { dtypes } from '../dtype.ts';
import type { DType } from '../dtype.ts';
import { SsError } from '../errors.ts';
import { checkShape, denseStrides, elementCount, elementSpan } from '../shape.ts';
import type { Shape } from '../shape.ts';
import { Storage } from '../storage.ts';
import type { StorageOwner, StoragePool } from '../storage.ts';
import { Tensor } from '../tensor.ts';
import { trace, tracing } from '../trace.ts';
import { Queue } from './queue.ts';

/** Where a recording takes its buffers from, instead of the device. */
export interface Arena extends StoragePool {
  take(byteLength: number): unknown;
}

/** One backend's memory and queue: the owner of every tensor an engine makes. */
export class Device implements StorageOwner {
  readonly label: string;
  readonly backend: Backend;
  readonly queue: Queue = new Queue();
  /** Set while recording. */
  arena: Arena | undefined;
  #liveTensorBytes = 0;
  #liveStorages = 0;
  #disposed = false;

  constructor(backend: Backend) {
    this.backend = backend;
    this.label = backend.id;
  }

  get disposed(): boolean {
    return this.#disposed;
  }

  /** Memory that tensors of this engine hold, beside what the backend itself reports. */
  memory(): MemoryInfo & { readonly tensorBytes: number; readonly storages: number } {
    return { ...this.backend.memory(), tensorBytes: this.#liveTensorBytes, storages: this.#liveStorages };
  }

  allocate(
    byteLength: number,
    options: { readonly zero?: boolean; readonly mutable?: boolean } = {},
  ): Storage {
    this.#requireOpen();
    // Empty tensors still get an address, so that no kernel needs a case for them.
    const bytes = Math.max(byteLength, 4);
    const arena = options.mutable ? undefined : this.arena;
    const handle = arena ? arena.take(bytes) : this.backend.alloc(bytes, { zero: options.zero ?? false });
    this.#liveStorages++;
    this.#liveTensorBytes += bytes;
    return new Storage(this, handle, bytes, options.mutable ?? false, arena);
  }

  /** A new tensor with the layout of `spec`, contents undefined. */
  empty<D extends DType>(spec: TensorSpec & { readonly dtype: D }): Tensor<D> {
    const { end } = elementSpan(spec);
    return new Tensor<D>(this.allocate(end * dtypes[spec.dtype].bytes), spec);
  }

  /** A zeroed dense tensor; `mutable` makes it state. */
  zeros<D extends DType>(shape: Shape, dtype: D, mutable: boolean): Tensor<D> {
    checkShape(shape, 'A tensor');
    const storage = this.allocate(elementCount(shape) * dtypes[dtype].bytes, { zero: true, mutable });
    return new Tensor<D>(storage, { dtype, shape, strides: denseStrides(shape), offset: 0 });
  }

  /** A copy of a host tensor, same strides, only the elements the view covers. */
  upload<D extends DType>(source: Tensor<D>): Tensor<D> {
    const size = dtypes[source.dtype].bytes;
    const span = elementSpan(source);
    const bytes = (source.storage.handle as Uint8Array).subarray(span.start * size, span.end * size);
    const storage = this.allocate(bytes.byteLength);
    this.writeBytes(storage, 0, bytes);
    return new Tensor<D>(storage, {
      dtype: source.dtype,
      shape: source.shape,
      strides: source.strides,
      offset: source.offset - span.start,
    });
  }

  writeBytes(storage: Storage, byteOffset: number, bytes: Uint8Array): void {
    if (tracing()) trace({ type: 'copy', reason: 'upload', backend: this.label, bytes: bytes.byteLength });
    // The caller may reuse its memory as soon as this returns, so what has to wait is copied first.
    const own = this.queue.held ? bytes.slice() : bytes;
    this.queue.enqueue(() => this.backend.write(storage.handle, byteOffset, own));
  }

  read(storage: Storage, byteOffset: number, byteLength: number): Uint8Array | Promise<Uint8Array> {
    this.#requireOpen();
    if (tracing()) trace({ type: 'copy', reason: 'read', backend: this.label, bytes: byteLength });
    return this.queue.ask(async () => {
      if (storage.failure) throw storage.failure;
      return this.backend.read(storage.handle, byteOffset, byteLength);
    });
  }

  release(storage: Storage): void {
    this.#liveStorages--;
    this.#liveTensorBytes -= storage.byteLength;
    if (storage.pool) storage.pool.give(storage);
    else this.free(storage.handle);
  }

  free(handle: unknown): void {
    if (!this.#disposed) this.queue.enqueue(() => this.backend.free(handle));
  }

  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    await this.queue.drain().catch(() => undefined);
    await this.backend.dispose();
    if (tracing()) trace({ type: 'backend', backend: this.label, what: 'disposed' });
  }

  #requireOpen(): void {
    if (this.#disposed)
      throw new SsError('engine-disposed', `The ${this.label} engine was used after dispose().`);
  }
}
