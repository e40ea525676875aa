import { bufferUsage, mapRead } from '../flags.ts';
import { roundUp } from '../memory/pages.ts';

const smallest = 4096;
/** Buffers of more bytes than this are not kept for the next read. */
const largestKept = 2 ** 20;
const mostKept = 8;

interface Waiting {
  readonly offset: number;
  readonly byteLength: number;
  /** Bytes in front of what was asked for, since copies start at whole words. */
  readonly skip: number;
  resolve(bytes: Uint8Array): void;
  reject(error: unknown): void;
}

interface Staging {
  readonly buffer: GPUBuffer;
  readonly size: number;
  used: number;
  readonly waiting: Waiting[];
}

/** Where reads are copied to, many into one buffer, so that one mapping answers all reads of a submission. */
export class ReadStaging {
  readonly #device: GPUDevice;
  readonly #idle: GPUBuffer[] = [];
  #open: Staging[] = [];

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** Room for a copy of whole words, and the promise of the bytes wanted of it. */
  reserve(
    copied: number,
    skip: number,
    byteLength: number,
  ): { readonly buffer: GPUBuffer; readonly offset: number; readonly bytes: Promise<Uint8Array> } {
    let staging = this.#open.find(({ size, used }) => size - used >= copied);
    if (staging === undefined) this.#open.push((staging = this.#take(copied)));
    const offset = staging.used;
    staging.used += copied;
    const { waiting, buffer } = staging;
    const bytes = new Promise<Uint8Array>((resolve, reject) => {
      waiting.push({ offset, byteLength, skip, resolve, reject });
    });
    // Whoever reads hears of it; so that a read nobody waits for is no unhandled rejection.
    bytes.catch(() => undefined);
    return { buffer, offset, bytes };
  }

  /** Maps everything reserved since the last call; to be called after the copies were submitted. */
  map(done: Promise<void>): void {
    for (const staging of this.#open) void this.#map(staging, done);
    this.#open = [];
  }

  /** Gives buffers back that are kept for the next reads. */
  trim(): void {
    for (const buffer of this.#idle.splice(0)) buffer.destroy();
  }

  async #map({ buffer, used, waiting, size }: Staging, done: Promise<void>): Promise<void> {
    try {
      await Promise.all([done, buffer.mapAsync(mapRead, 0, used)]);
      const mapped = new Uint8Array(buffer.getMappedRange(0, used));
      for (const { offset, skip, byteLength, resolve } of waiting) {
        resolve(mapped.slice(offset + skip, offset + skip + byteLength));
      }
      buffer.unmap();
      if (size <= largestKept && this.#idle.length < mostKept) this.#idle.push(buffer);
      else buffer.destroy();
    } catch (error) {
      for (const { reject } of waiting) reject(error);
      buffer.destroy();
    }
  }

  #take(copied: number): Staging {
    const index = this.#idle.findIndex(({ size }) => size >= copied);
    const kept = index < 0 ? undefined : this.#idle.splice(index, 1)[0]!;
    const size = kept?.size ?? Math.max(smallest, roundUp(copied));
    const buffer =
      kept ??
      this.#device.createBuffer({
        label: 'read staging',
        size,
        usage: bufferUsage.mapRead | bufferUsage.copyDestination,
      });
    return { buffer, size, used: 0, waiting: [] };
  }
}
