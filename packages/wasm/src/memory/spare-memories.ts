import { pageBytes } from './pages.ts';

/** What a memory was made with. */
export interface MemoryKind {
  readonly shared: boolean;
  /** The most it can grow to. */
  readonly pages: number;
}

interface Spare extends MemoryKind {
  readonly memory: WeakRef<WebAssembly.Memory>;
}

let spares: readonly Spare[] = [];

/**
 * Memories of disposed engines, for the next ones of this thread. A memory cannot be given back to the system, it goes when
 * the garbage collector finds it; an engine that is opened before takes it over, so that engines one after the other
 * take what the largest of them takes. Nothing here keeps the collector from it.
 */
export const spareMemories = {
  give(memory: WebAssembly.Memory, { shared, pages }: MemoryKind): void {
    spares = [...spares, { memory: new WeakRef(memory), shared, pages }];
  },

  /** One that can grow to `pages` and has not grown beyond them, the largest there is. */
  take({
    shared,
    pages,
  }: MemoryKind): { readonly memory: WebAssembly.Memory; readonly pages: number } | undefined {
    let best: { memory: WebAssembly.Memory; pages: number; from: Spare } | undefined;
    const alive: Spare[] = [];
    for (const spare of spares) {
      const memory = spare.memory.deref();
      if (memory === undefined) continue;
      alive.push(spare);
      const { byteLength } = memory.buffer;
      if (spare.shared !== shared || spare.pages < pages || byteLength > pages * pageBytes) continue;
      if (best && byteLength <= best.memory.buffer.byteLength) continue;
      best = { memory, pages: spare.pages, from: spare };
    }
    spares = alive.filter((spare) => spare !== best?.from);
    return best;
  },
};
