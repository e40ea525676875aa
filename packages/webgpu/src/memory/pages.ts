import { SsError } from '@ss/core';
import { bufferUsage } from '../flags.ts';
import { FreeList } from './free-list.ts';

/** Every allocation starts on its own cache line, and whole words of any vector type lie in it. */
const alignment = 256;
/** Pages of a bank grow with what it has already, so that an eighth of it is the most that lies idle. */
const smallestPage = 8 * 2 ** 20;
const largestPage = 256 * 2 ** 20;
const growth = 1 / 8;

/**
 * A buffer that many tensors of one bank share. Kernels bind whole pages, so that any number of arguments takes few
 * bindings (a stage has 8 by default) and bind groups stay the same from call to call; banks keep what a kernel writes
 * out of the pages that it reads.
 */
export interface Page {
  /** Identity for caches. */
  readonly id: number;
  readonly buffer: GPUBuffer;
  readonly byteLength: number;
  /** For one tensor alone: given back to the device with it. */
  readonly own: boolean;
  /** As in the contract's `AllocOptions`. */
  readonly bank: number;
  /** Set when the device could not allocate it after all, which it says later. */
  failure: SsError | undefined;
  /** Resolves when the device has said whether it could. */
  readonly settled: Promise<void>;
}

/** What `alloc` returns: bytes of a page. */
export interface Allocation {
  readonly page: Page;
  readonly address: number;
  readonly byteLength: number;
}

export interface PageLimits {
  /** Bytes of one page. */
  readonly page: number;
  /** Bytes of all pages together. */
  readonly total: number;
}

/** Allocates from pages, and pages from the device. */
export class Pages {
  readonly #device: GPUDevice;
  readonly #limits: PageLimits;
  readonly #shared = new Map<Page, FreeList>();
  /** Of the pages that tensors of a bank share. */
  readonly #reserved = new Map<number, number>();
  /** Called with a page that is no more. */
  readonly #forget: (page: Page) => void;
  #next = 0;
  reservedBytes = 0;

  constructor(device: GPUDevice, limits: PageLimits, forget: (page: Page) => void) {
    this.#device = device;
    this.#limits = limits;
    this.#forget = forget;
  }

  /** @throws SsError `out-of-memory` */
  alloc(byteLength: number, bank: number): Allocation {
    const wanted = roundUp(byteLength);
    for (const [page, list] of this.#shared) {
      if (page.bank !== bank || page.failure) continue;
      const address = list.take(wanted);
      if (address !== undefined) return { page, address, byteLength };
    }
    const most = Math.min(largestPage, this.#limits.page);
    const room = this.#limits.total - this.reservedBytes;
    const reserved = this.#reserved.get(bank) ?? 0;
    const size = Math.min(most, Math.max(smallestPage, roundUp(reserved * growth, 2 ** 20)), room);
    // A tensor of half a page would leave the other half to waste.
    if (wanted > size / 2) return { page: this.#page(wanted, true, bank), address: 0, byteLength };
    const page = this.#page(size - (size % alignment), false, bank);
    const list = new FreeList(page.byteLength);
    this.#shared.set(page, list);
    this.#reserved.set(bank, reserved + page.byteLength);
    return { page, address: list.take(wanted)!, byteLength };
  }

  free({ page, address, byteLength }: Allocation): void {
    if (page.own) this.#drop(page);
    else this.#shared.get(page)?.give(address, roundUp(byteLength));
  }

  /** Gives pages back to the device that no tensor lies in. Nothing encoded may refer to them. */
  trim(): void {
    for (const [page, list] of this.#shared) {
      if (!list.empty) continue;
      this.#shared.delete(page);
      this.#reserved.set(page.bank, this.#reserved.get(page.bank)! - page.byteLength);
      this.#drop(page);
    }
  }

  dispose(): void {
    for (const page of this.#shared.keys()) this.#drop(page);
    this.#shared.clear();
  }

  #page(byteLength: number, own: boolean, bank: number): Page {
    if (byteLength > this.#limits.page || this.reservedBytes + byteLength > this.#limits.total) {
      const { page, total } = this.#limits;
      throw new SsError('out-of-memory', `webgpu: ${byteLength} bytes cannot be allocated.`, {
        hint: `A buffer has at most ${page} bytes here${Number.isFinite(total) ? `, all together ${total}` : ''}.`,
        details: { byteLength, reservedBytes: this.reservedBytes, ...this.#limits },
      });
    }
    this.#device.pushErrorScope('out-of-memory');
    this.#device.pushErrorScope('validation');
    const buffer = this.#device.createBuffer({
      label: `page ${this.#next}`,
      size: byteLength,
      usage: bufferUsage.storage | bufferUsage.copySource | bufferUsage.copyDestination,
    });
    const errors = [this.#device.popErrorScope(), this.#device.popErrorScope()];
    this.reservedBytes += byteLength;
    const settled = Promise.all(errors).then(
      ([invalid, memory]) => {
        const error = memory ?? invalid;
        if (error === null || error === undefined) return;
        page.failure = new SsError(
          'out-of-memory',
          `webgpu: the device could not allocate ${byteLength} bytes: ${error.message}`,
          { details: { byteLength } },
        );
      },
      // The device is lost, which everything waiting for it hears.
      () => undefined,
    );
    const page: Page = { id: this.#next++, buffer, byteLength, own, bank, failure: undefined, settled };
    return page;
  }

  #drop(page: Page): void {
    this.reservedBytes -= page.byteLength;
    this.#forget(page);
    page.buffer.destroy();
  }
}

export function roundUp(bytes: number, step: number = alignment): number {
  return Math.ceil(bytes / step) * step;
}
