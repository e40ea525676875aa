import { Allocator } from './allocator.ts';

const chunkBytes = 256 * 1024;

interface Chunk {
  readonly start: number;
  readonly end: number;
  readonly blocks: Allocator;
}

/**
 * Memory that the host writes at once, such as command lists and staged uploads, while earlier submissions still
 * run. Its blocks are freed only when nothing uses them any more, unlike tensors', so no block is ever in use.
 */
export class HostHeap {
  readonly #take: (byteLength: number) => number;
  readonly #give: (address: number) => void;
  #chunks: readonly Chunk[] = [];

  /**
   * @param take an address that no pending work touches
   * @param give takes it back
   */
  constructor(take: (byteLength: number) => number, give: (address: number) => void) {
    this.#take = take;
    this.#give = give;
  }

  /** @throws SsError `out-of-memory` */
  alloc(byteLength: number): number {
    for (const { blocks } of this.#chunks) {
      const address = blocks.alloc(byteLength);
      if (address !== undefined) return address;
    }
    const size = Math.ceil(byteLength / chunkBytes) * chunkBytes;
    const start = this.#take(size);
    const end = start + size;
    const blocks = new Allocator(start, (top) => top <= end);
    this.#chunks = [...this.#chunks, { start, end, blocks }];
    return blocks.alloc(byteLength)!;
  }

  free(address: number): void {
    const chunk = this.#chunks.find(({ start, end }) => start <= address && address < end)!;
    chunk.blocks.free(address);
    // The first chunk serves every small submission; what came for a rush goes back.
    if (chunk.blocks.liveBlocks > 0 || chunk === this.#chunks[0]) return;
    this.#chunks = this.#chunks.filter((other) => other !== chunk);
    this.#give(chunk.start);
  }

  /** Bytes taken, used or not. */
  get byteLength(): number {
    return this.#chunks.reduce((sum, { start, end }) => sum + end - start, 0);
  }
}
