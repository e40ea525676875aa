import type { Backend, MemoryInfo, TensorSpec } from '../backend.ts';
import { dtypes } from '../dtype.ts';
import type { DType } from '../dtype.ts';
import { readEnvironment } from '../environment.ts';
import { SsError } from '../errors.ts';
import { host } from '../host.ts';
import type { OpName } from '../ops/op.ts';
import { checkShape, denseStrides, elementCount, elementSpan } from '../shape.ts';
import type { Shape } from '../shape.ts';
import { Storage } from '../storage.ts';
import type { StorageOptions, StorageOwner, StoragePool } from '../storage.ts';
import { Tensor } from '../tensor.ts';
import { trace, tracing } from '../trace.ts';
import { LeakAlarm } from './leak-alarm.ts';
import { Queue } from './queue.ts';

/** Banks of memory, by what fills it. */
const stateBank = 1;
const firstResultBank = 2;

/** Where ops that are being recorded take their buffers from, instead of the device. */
export interface Arena extends StoragePool {
  take(byteLength: number, bank: number): unknown;
}

/** One backend's memory and queue: the owner of every tensor an engine makes. */
export class Device implements StorageOwner {
  readonly label: string;
  readonly backend: Backend;
  readonly queue: Queue = new Queue();
  /** Set while recording. */
  arena: Arena | undefined;
  readonly #alarm: LeakAlarm | undefined;
  #liveTensorBytes = 0;
  #liveStorages = 0;
  #lost: SsError | undefined;
  #disposing: Promise<void> | undefined;

  constructor(backend: Backend) {
    this.backend = backend;
    this.label = backend.id;
    if (readEnvironment().log !== 'silent') this.#alarm = new LeakAlarm(this.label);
    void backend.lost?.then((error) => {
      this.#lost = error;
      if (tracing()) trace({ type: 'backend', backend: this.label, what: 'lost', message: error.message });
    });
  }

  /** @throws SsError `engine-disposed`, `device-lost` */
  requireOpen(): void {
    if (this.#disposing)
      throw new SsError('engine-disposed', `The ${this.label} engine was used after dispose().`);
    if (this.#lost) throw this.#lost;
  }

  /** @throws SsError `tensor-foreign`, `tensor-disposed` */
  requireOwn(tensor: Tensor, what: string, op?: OpName): void {
    if (tensor.disposed) {
      throw new SsError('tensor-disposed', `${what} was used after dispose(): ${tensor}.`, {
        details: { op },
      });
    }
    const { owner } = tensor.storage;
    if (owner === this || owner === host) return;
    throw new SsError(
      'tensor-foreign',
      `${what} belongs to ${owner.label}, not to this ${this.label} engine.`,
      {
        hint: 'Read it and pass the values, or use one engine for both.',
        details: { op, owner: owner.label },
      },
    );
  }

  /** Memory that tensors of this engine hold, beside what the backend itself reports. */
  memory(): MemoryInfo & { readonly tensorBytes: number; readonly storages: number } {
    return {
      ...this.backend.memory(),
      tensorBytes: this.#liveTensorBytes,
      storages: this.#liveStorages,
    };
  }

  allocate(
    byteLength: number,
    {
      zero = false,
      mutable = false,
      bank = 0,
    }: { readonly zero?: boolean; readonly mutable?: boolean; readonly bank?: number } = {},
  ): Storage {
    this.requireOpen();
    const handle = this.backend.alloc(addressable(byteLength), { zero, bank });
    return this.#storage(handle, byteLength, { mutable, bank });
  }

  /** Memory that only ops fill; while recording it belongs to the program. */
  allocateForOp(byteLength: number, bank: number): Storage {
    const { arena } = this;
    if (arena === undefined) return this.allocate(byteLength, { bank });
    this.requireOpen();
    return this.#storage(arena.take(addressable(byteLength), bank), byteLength, { pool: arena, bank });
  }

  /** The first bank for results that none of these is in. */
  bankBeside(inputs: readonly Tensor[]): number {
    let bank = firstResultBank;
    while (inputs.some(({ storage }) => storage.bank === bank)) bank++;
    return bank;
  }

  /** A new tensor with the layout of `spec` for an op to fill. */
  empty<D extends DType>(spec: TensorSpec & { readonly dtype: D }, bank: number): Tensor<D> {
    checkShape(spec.shape, 'A result');
    const { end } = elementSpan(spec);
    return new Tensor<D>(this.allocateForOp(end * dtypes[spec.dtype].bytes, bank), spec);
  }

  /** A zeroed dense tensor; `mutable` makes it state. */
  zeros<D extends DType>(shape: Shape, dtype: D, mutable: boolean): Tensor<D> {
    checkShape(shape, 'A tensor', dtype);
    const storage = this.allocate(elementCount(shape) * dtypes[dtype].bytes, {
      zero: true,
      mutable,
      bank: mutable ? stateBank : 0,
    });
    return new Tensor<D>(storage, { dtype, shape, strides: denseStrides(shape), offset: 0 });
  }

  /** A copy of a host tensor, same strides, only the elements the view covers. */
  upload<D extends DType>(source: Tensor<D>): Tensor<D> {
    const size = dtypes[source.dtype].bytes;
    const span = elementSpan(source);
    const bytes = (source.storage.handle as Uint8Array).subarray(span.start * size, span.end * size);
    const storage = this.allocate(bytes.byteLength);
    this.write(storage, bytes);
    return new Tensor<D>(storage, {
      dtype: source.dtype,
      shape: source.shape,
      strides: source.strides,
      offset: source.offset - span.start,
    });
  }

  /** Overwrites a whole storage. */
  write(storage: Storage, bytes: Uint8Array): void {
    if (tracing()) trace({ type: 'copy', reason: 'upload', backend: this.label, bytes: bytes.byteLength });
    // The caller may reuse its memory as soon as this returns, so what has to wait is copied first.
    const own = this.queue.held ? new Uint8Array(bytes) : bytes;
    const label = `An upload of ${bytes.byteLength} bytes`;
    this.queue.submit({ label, reads: [], writes: [storage] }, () => {
      this.backend.write(storage.handle, 0, own);
    });
  }

  read(storage: Storage, byteOffset: number, byteLength: number): Promise<Uint8Array> {
    this.requireOpen();
    if (tracing()) trace({ type: 'copy', reason: 'read', backend: this.label, bytes: byteLength });
    const label = `A read of ${byteLength} bytes`;
    return this.queue.ask({ label, reads: [storage], writes: [] }, () =>
      this.backend.read(storage.handle, byteOffset, byteLength),
    );
  }

  release(storage: Storage): void {
    this.#liveStorages--;
    this.#liveTensorBytes -= storage.byteLength;
    this.#alarm?.released(storage);
    if (storage.pool) storage.pool.give(storage);
    else this.free(storage.handle);
  }

  free(handle: unknown): void {
    this.finally('Freeing a buffer', () => this.backend.free(handle));
  }

  /** Gives something back after everything enqueued so far; the backend's own end does it otherwise. */
  finally(label: string, giveBack: () => void): void {
    if (!this.#disposing) this.queue.submit({ label, reads: [], writes: [] }, giveBack);
  }

  /** In the order of the calls: what was freed before is given back. */
  trim(): void {
    this.requireOpen();
    this.finally('Giving back memory', () => this.backend.trim?.());
  }

  dispose(): Promise<void> {
    return (this.#disposing ??= this.#dispose());
  }

  async #dispose(): Promise<void> {
    // Nobody is left to hear of a failure.
    await this.queue.drain().catch(() => undefined);
    await this.backend.dispose();
    this.#alarm?.off();
    if (tracing()) trace({ type: 'backend', backend: this.label, what: 'disposed' });
  }

  #storage(handle: unknown, byteLength: number, options: StorageOptions): Storage {
    const storage = new Storage(this, handle, byteLength, options);
    this.#liveStorages++;
    this.#liveTensorBytes += byteLength;
    this.#alarm?.watch(storage);
    return storage;
  }
}

/** Empty tensors still get an address, so that no kernel needs a case for them. */
function addressable(byteLength: number): number {
  return Math.max(byteLength, 4);
}
