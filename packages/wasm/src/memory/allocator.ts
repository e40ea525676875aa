/** Every block starts on a cache-line pair and any SIMD width; sizes are multiples of it. */
export const alignment = 256;

/**
 * Addresses of a linear memory that only grows. Best fit, neighbours merged when freed; the bookkeeping is
 * outside the memory, so a kernel that writes too far cannot corrupt it. Addresses are plain numbers up to 2^32.
 */
export class Allocator {
  /** One past the highest address ever handed out. */
  #top: number;
  readonly #reserve: (top: number) => boolean;
  readonly #used = new Map<number, number>();
  /** Free blocks by start and by end, to find neighbours. */
  readonly #freeByStart = new Map<number, number>();
  readonly #freeByEnd = new Map<number, number>();
  /** Starts of free blocks, smallest block first, lowest address first among equals. */
  readonly #bySize: number[] = [];
  #liveBytes = 0;

  /**
   * @param base the first address that may be used
   * @param reserve makes memory up to `top` exist; false when it cannot
   */
  constructor(base: number, reserve: (top: number) => boolean) {
    this.#top = roundUp(base);
    this.#reserve = reserve;
  }

  get liveBytes(): number {
    return this.#liveBytes;
  }

  get liveBlocks(): number {
    return this.#used.size;
  }

  /** An address, or undefined when the memory cannot grow that far. */
  alloc(byteLength: number): number | undefined {
    const size = roundUp(Math.max(byteLength, 1));
    const start = this.#takeFree(size) ?? this.#extend(size);
    if (start === undefined) return undefined;
    this.#used.set(start, size);
    this.#liveBytes += size;
    return start;
  }

  /** @throws RangeError for an address that is not allocated, such as one freed twice */
  free(start: number): void {
    let size = this.#used.get(start);
    if (size === undefined) throw new RangeError(`Address ${start} is not allocated.`);
    this.#used.delete(start);
    this.#liveBytes -= size;
    const before = this.#freeByEnd.get(start);
    if (before !== undefined) {
      size += this.#removeFree(before);
      start = before;
    }
    if (this.#freeByStart.has(start + size)) size += this.#removeFree(start + size);
    if (start + size === this.#top) this.#top = start;
    else this.#addFree(start, size);
  }

  #takeFree(size: number): number | undefined {
    const at = this.#position(size, 0);
    const start = this.#bySize[at];
    if (start === undefined) return undefined;
    const rest = this.#removeFree(start) - size;
    if (rest > 0) this.#addFree(start + size, rest);
    return start;
  }

  #extend(size: number): number | undefined {
    // A free block never touches the top: free() gives that back.
    const start = this.#top;
    if (!this.#reserve(start + size)) return undefined;
    this.#top = start + size;
    return start;
  }

  #addFree(start: number, size: number): void {
    this.#freeByStart.set(start, size);
    this.#freeByEnd.set(start + size, start);
    this.#bySize.splice(this.#position(size, start), 0, start);
  }

  #removeFree(start: number): number {
    const size = this.#freeByStart.get(start)!;
    this.#bySize.splice(this.#position(size, start), 1);
    this.#freeByStart.delete(start);
    this.#freeByEnd.delete(start + size);
    return size;
  }

  /** Index of the first free block that is not before (size, start). */
  #position(size: number, start: number): number {
    let low = 0;
    let high = this.#bySize.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = this.#bySize[middle]!;
      const otherSize = this.#freeByStart.get(other)!;
      if (otherSize < size || (otherSize === size && other < start)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function roundUp(bytes: number): number {
  return Math.ceil(bytes / alignment) * alignment;
}
