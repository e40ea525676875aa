import { SsError } from '@ss/core';
import { Allocator } from './allocator.ts';
import { addressSpace, pageBytes } from './pages.ts';
import { spareMemories } from './spare-memories.ts';

/** Addresses below belong to the kernels' constants; see `reservedPages` in `scripts/compile.ts`. */
const reserved = pageBytes;
/** Growing has a price beside the bytes, so it happens in steps. */
const growthStep = 4 * 2 ** 20;

/** Less shared memory than this is worse than none: that which is not shared has all addresses. */
const leastShared = 64 * 2 ** 20;

export interface LinearMemoryOptions {
  readonly shared: boolean;
  /** Bytes that may be used. */
  readonly maximum?: number | undefined;
  /** Whether there is something else to do where only little shared memory can be had. */
  readonly alternative?: boolean;
}

/** The one memory that kernels, threads and the host work in, with views that follow its growth. */
export class LinearMemory {
  readonly shared: boolean;
  readonly maximum: number;
  /** Why there is less than was wanted. */
  readonly limit: string | undefined;
  readonly #allocator: Allocator;
  readonly #pages: number;
  #memory: WebAssembly.Memory | undefined;
  /** What this owner has had a use for; a memory that was taken over may be larger. */
  #reservedBytes = pageBytes;
  #bytes: Uint8Array<ArrayBufferLike>;
  #words: Int32Array<ArrayBufferLike>;

  /** @throws SsError `out-of-memory` when not even the address space can be had */
  constructor({ shared, maximum = addressSpace, alternative = false }: LinearMemoryOptions) {
    this.shared = shared;
    const wanted = Math.floor(maximum / pageBytes);
    const least = shared && alternative ? Math.min(wanted, leastShared / pageBytes) : 1;
    const { memory, pages } = spareMemories.take({ shared, pages: wanted }) ?? reserve(shared, wanted, least);
    this.#memory = memory;
    this.#pages = pages;
    this.maximum = Math.min(pages, wanted) * pageBytes;
    if (pages < wanted)
      this.limit = `${shared ? 'shared ' : ''}memory of at most ${this.maximum / 2 ** 20} MiB`;
    this.#bytes = new Uint8Array(memory.buffer);
    this.#words = new Int32Array(memory.buffer);
    // Constants that are zero may be left out of the kernels, since new memory is.
    this.#bytes.fill(0, 0, reserved);
    this.#allocator = new Allocator(reserved, (top) => this.#reach(top));
  }

  /** @throws Error after {@link release} */
  get memory(): WebAssembly.Memory {
    if (this.#memory === undefined) throw new Error('The memory of wasm was used after it was given back.');
    return this.#memory;
  }

  get bytes(): Uint8Array<ArrayBufferLike> {
    return this.#bytes;
  }

  get words(): Int32Array<ArrayBufferLike> {
    return this.#words;
  }

  get reservedBytes(): number {
    return this.#reservedBytes;
  }

  get liveBytes(): number {
    return this.#allocator.liveBytes;
  }

  get liveBlocks(): number {
    return this.#allocator.liveBlocks;
  }

  /** An address, aligned to 256 bytes. @throws SsError `out-of-memory` */
  alloc(byteLength: number): number {
    const address = this.#allocator.alloc(byteLength);
    if (address !== undefined) return address;
    throw new SsError(
      'out-of-memory',
      `WebAssembly memory cannot give ${byteLength} bytes: ${this.liveBytes} are in use, ${this.reservedBytes} reserved, ${this.maximum} allowed.`,
      {
        hint: 'Dispose tensors, or use smaller batches or sequences.',
        details: {
          requested: byteLength,
          liveBytes: this.liveBytes,
          reservedBytes: this.reservedBytes,
          maximum: this.maximum,
        },
      },
    );
  }

  free(address: number): void {
    this.#allocator.free(address);
  }

  /** Nobody uses it any more. When no thread can still write into it, `idle`, another owner may have it. */
  release({ idle }: { readonly idle: boolean }): void {
    if (this.#memory === undefined) return;
    if (idle) spareMemories.give(this.#memory, { shared: this.shared, pages: this.#pages });
    this.#memory = undefined;
    this.#bytes = new Uint8Array(0);
    this.#words = new Int32Array(0);
    this.#reservedBytes = 0;
  }

  #reach(top: number): boolean {
    const missing = top - this.#reservedBytes;
    if (missing <= 0) return true;
    if (top > this.maximum) return false;
    const step = Math.min(Math.max(missing, growthStep), this.maximum - this.#reservedBytes);
    return this.#grow(step) || this.#grow(missing);
  }

  #grow(byteLength: number): boolean {
    const reserved = this.#reservedBytes + Math.ceil(byteLength / pageBytes) * pageBytes;
    const missing = reserved - this.#bytes.byteLength;
    try {
      if (missing > 0) this.memory.grow(missing / pageBytes);
    } catch {
      return false;
    }
    this.#reservedBytes = reserved;
    this.#bytes = new Uint8Array(this.memory.buffer);
    this.#words = new Int32Array(this.memory.buffer);
    return true;
  }
}

/** Shared memory reserves all its addresses at once, which small devices refuse: then half of it, and so on. */
function reserve(
  shared: boolean,
  maximum: number,
  least: number,
): { memory: WebAssembly.Memory; pages: number } {
  for (let pages = maximum; ; pages = pages >>> 1) {
    try {
      return { memory: new WebAssembly.Memory({ initial: 1, maximum: pages, shared }), pages };
    } catch (cause) {
      if (pages >> 1 >= least) continue;
      const kind = shared ? 'shared WebAssembly memory' : 'WebAssembly memory';
      const atAll = least > 1 ? `of ${(least * pageBytes) / 2 ** 20} MiB` : 'at all';
      throw new SsError('out-of-memory', `This environment gives no ${kind} ${atAll}.`, { cause });
    }
  }
}
