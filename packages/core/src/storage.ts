import type { SsError } from './errors.ts';

/** Whoever owns memory: an engine, or the host. */
export interface StorageOwner {
  /** For messages: `host`, `wasm`, `cuda:0`. */
  readonly label: string;
  /** Bytes of the storage as of this point of the owner's queue. */
  read(storage: Storage, byteOffset: number, byteLength: number): Uint8Array | Promise<Uint8Array>;
  /** Called once, when the last tensor over the storage is disposed. */
  release(storage: Storage): void;
}

/** Who takes the memory back when it is not the owner itself: a recording reuses its buffers. */
export interface StoragePool {
  give(storage: Storage): void;
}

export interface StorageOptions {
  readonly mutable?: boolean;
  readonly pool?: StoragePool | undefined;
  readonly bank?: number;
}

/** A reference-counted piece of one owner's memory. Tensors are views of it. */
export class Storage {
  readonly owner: StorageOwner;
  /** The owner's handle: a `Uint8Array` on the host, the backend's own buffer on a device. */
  readonly handle: unknown;
  readonly byteLength: number;
  /** True for `engine.state()` memory, the only kind an op may write in place. */
  readonly mutable: boolean;
  /** Set when an op that writes here failed; everything computed from it fails with the same error. */
  failure: SsError | undefined;
  readonly pool: StoragePool | undefined;
  /** See `AllocOptions.bank`. */
  readonly bank: number;
  #references = 1;

  constructor(
    owner: StorageOwner,
    handle: unknown,
    byteLength: number,
    { mutable = false, pool, bank = 0 }: StorageOptions = {},
  ) {
    this.owner = owner;
    this.handle = handle;
    this.byteLength = byteLength;
    this.mutable = mutable;
    this.pool = pool;
    this.bank = bank;
  }

  get released(): boolean {
    return this.#references === 0;
  }

  retain(): this {
    this.#references++;
    return this;
  }

  release(): void {
    if (--this.#references === 0) this.owner.release(this);
  }
}
