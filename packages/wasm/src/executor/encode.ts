import { argWords } from '../kernels/args.ts';
import type { HostHeap } from '../memory/host-heap.ts';
import type { LinearMemory } from '../memory/linear-memory.ts';
import { pageBytes } from '../memory/pages.ts';
import type { Work } from '../ops/kernel-op.ts';
import { commandWords, listHeader } from './command-list.ts';
import { chunkBits } from './control.ts';

/** What one thread does in 50 microseconds is not worth sharing: two need 80 % of that, or more on a busy machine. */
const worthSharing = 500_000;

/** More than one, so that a thread that is held up leaves its rest to others. */
const chunksPerThread = 3;
/** As many as fit beside the ticket. */
const mostChunks = 2 ** chunkBits - 1;

export interface Step {
  readonly work: Work;
  /** Address of the scratch of all threads; 0 without. */
  readonly scratch: number;
}

/** Writes steps as a command list with its arguments into memory of its own, and returns its address. */
export function encodeList(
  steps: readonly Step[],
  memory: LinearMemory,
  heap: HostHeap,
  kernelNumber: ReadonlyMap<string, number>,
  threads: number,
  awaited: boolean,
): number {
  const blocks = steps.map(({ work }) => argWords(work.layout, work.values));
  const commandsEnd = listHeader + steps.length * commandWords;
  const list = heap.alloc(4 * blocks.reduce((sum, { length }) => sum + length, commandsEnd));
  const { words } = memory;
  const start = list / 4;
  let command = start + listHeader;
  let args = start + commandsEnd;
  for (const [index, { work, scratch }] of steps.entries()) {
    const shared = threads > 1 && work.cost >= worthSharing;
    const chunks = shared ? Math.max(1, Math.min(work.units, threads * chunksPerThread, mostChunks)) : 1;
    const kernel = kernelNumber.get(work.kernel)!;
    words.set([kernel, args * 4, work.units, chunks, scratch, work.scratchBytes], command);
    words.set(blocks[index]!, args);
    command += commandWords;
    args += blocks[index]!.length;
  }
  words.set([steps.length, memory.reservedBytes / pageBytes, awaited ? 1 : 0], start);
  return list;
}
