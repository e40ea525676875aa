import { argWords } from '../kernels/args.ts';
import type { HostHeap } from '../memory/host-heap.ts';
import type { LinearMemory } from '../memory/linear-memory.ts';
import { pageBytes } from '../memory/pages.ts';
import type { Work } from '../ops/kernel-op.ts';
import { commandWords, listHeader } from './command-list.ts';

/** What takes less than 20 microseconds is not worth waking another thread for. */
const worthSharing = 200_000;

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
  let sharedCount = 0;
  for (const [index, { work, scratch }] of steps.entries()) {
    const shared = threads > 1 && work.units > 1 && work.cost >= worthSharing;
    if (shared) sharedCount = index + 1;
    const kernel = kernelNumber.get(work.kernel)!;
    words.set([kernel, args * 4, work.units, shared ? 1 : 0, scratch, work.scratchBytes], command);
    words.set(blocks[index]!, args);
    command += commandWords;
    args += blocks[index]!.length;
  }
  words.set([steps.length, sharedCount, memory.reservedBytes / pageBytes, awaited ? 1 : 0], start);
  return list;
}
