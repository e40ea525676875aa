import { SsError } from '@ss/core';
import { Allocator } from './allocator.ts';
import { addressSpace, pageBytes } from './pages.ts';

/** Addresses below belong to the kernels' constants; see `reservedPages` in `scripts/compile.ts`. */
const reserved = pageBytes;
/** Growing has a price beside the bytes, so it happens in steps. */
const growthStep = 4 * 2 ** 20;

/** The one memory that kernels, threads and the host work in, with views that follow its growth. */
export class LinearMemory {
  readonly memory: WebAssembly.Memory;
  readonly shared: boolean;
  readonly maximum: number;
  readonly #allocator: Allocator;
  #bytes: Uint8Array<ArrayBufferLike>;
  #words: Int32Array<ArrayBufferLike>;

  /** @throws SsError `out-of-memory` when not even the address space can be had */
  constructor({
    shared,
    maximum = addressSpace,
  }: {
    readonly shared: boolean;
    readonly maximum?: number | undefined;
  }) {
    this.shared = shared;
    const { memory, pages } = reserve(shared, Math.floor(maximum / pageBytes));
    this.memory = memory;
    this.maximum = pages * pageBytes;
    this.#bytes = new Uint8Array(memory.buffer);
    this.#words = new Int32Array(memory.buffer);
    this.#allocator = new Allocator(reserved, (top) => this.#reach(top));
  }

  get bytes(): Uint8Array<ArrayBufferLike> {
    return this.#bytes;
  }

  get words(): Int32Array<ArrayBufferLike> {
    return this.#words;
  }

  get reservedBytes(): number {
    return this.#bytes.byteLength;
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

  #reach(top: number): boolean {
    const missing = top - this.#bytes.byteLength;
    if (missing <= 0) return true;
    if (top > this.maximum) return false;
    const step = Math.min(Math.max(missing, growthStep), this.maximum - this.#bytes.byteLength);
    if (!this.#grow(step) && !this.#grow(missing)) return false;
    this.#bytes = new Uint8Array(this.memory.buffer);
    this.#words = new Int32Array(this.memory.buffer);
    return true;
  }

  #grow(byteLength: number): boolean {
    try {
      this.memory.grow(Math.ceil(byteLength / pageBytes));
      return true;
    } catch {
      return false;
    }
  }
}

/** Shared memory reserves all its addresses at once, which small devices refuse: then half of it, and so on. */
function reserve(shared: boolean, maximum: number): { memory: WebAssembly.Memory; pages: number } {
  for (let pages = maximum; ; pages = pages >>> 1) {
    try {
      return { memory: new WebAssembly.Memory({ initial: 1, maximum: pages, shared }), pages };
    } catch (cause) {
      if (pages > 1) continue;
      throw new SsError('out-of-memory', 'This environment gives no WebAssembly memory at all.', { cause });
    }
  }
}
