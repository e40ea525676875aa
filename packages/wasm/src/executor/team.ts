import {
  ARGS,
  CHUNKS,
  commandWords,
  COUNT,
  KERNEL,
  listHeader,
  PAGES,
  SCRATCH,
  SCRATCH_STEP,
  UNITS,
} from './command-list.ts';
import type { KernelTable } from './command-list.ts';
import {
  chunkBits,
  DONE,
  FAILED,
  MESSAGE,
  messageLength,
  STATUS,
  TASK,
  taskSlots,
  taskWords,
  TICKET,
  TRAPPED,
  waitWhile,
  wake,
} from './control.ts';

const pageWords = 65536 / 4;
const ticketMask = 2 ** (31 - chunkBits) - 1;

/** One thread's place among those that work together. Thread 0 leads. */
export interface Place {
  readonly thread: number;
  readonly threads: number;
  readonly control: Int32Array;
  readonly memory: WebAssembly.Memory;
  readonly table: KernelTable;
  /** The memory as it was when it was last looked at. */
  words: Int32Array;
}

/**
 * Runs one list: small commands alone, large ones in chunks that whoever has time takes. A helper that is late
 * is not waited for, only one that has taken a chunk. Units do not know of each other, so the bits are the same
 * whoever does them. What failed, if anything, is in the control words; nothing after it is run.
 */
export function lead(place: Place, list: number): void {
  const { control } = place;
  const start = list / 4;
  reach(place, start + listHeader);
  const pages = place.words[start + PAGES]!;
  reach(place, pages * pageWords);
  const count = place.words[start + COUNT]!;
  Atomics.store(control, FAILED, 0);
  Atomics.store(control, STATUS, 0);
  for (let index = 0; index < count && Atomics.load(control, FAILED) === 0; index++) {
    const command = start + listHeader + index * commandWords;
    if (place.words[command + CHUNKS] === 1) run(place, command, 0, index);
    else share(place, command, pages, index);
  }
}

function share(place: Place, command: number, pages: number, index: number): void {
  const { control, words } = place;
  const ticket = ((Atomics.load(control, TICKET) >>> chunkBits) + 1) & ticketMask;
  const chunks = words[command + CHUNKS]!;
  const task = TASK + (ticket % taskSlots) * taskWords;
  control[task] = command;
  control[task + 1] = chunks;
  control[task + 2] = pages;
  control[task + 3] = index;
  Atomics.store(control, DONE, 0);
  Atomics.store(control, TICKET, ticket << chunkBits);
  wake(control, TICKET);
  work(place, ticket);
  for (let done = 0; (done = Atomics.load(control, DONE)) < chunks;) waitWhile(control, DONE, done);
}

/** A helper's life. */
export function follow(place: Place): never {
  const { control } = place;
  for (;;) {
    const ticket = Atomics.load(control, TICKET) >>> chunkBits;
    work(place, ticket);
    const now = Atomics.load(control, TICKET);
    if (now >>> chunkBits === ticket) waitWhile(control, TICKET, now);
  }
}

/** Takes chunks of one command until there are none left. */
function work(place: Place, ticket: number): void {
  const { control } = place;
  const task = TASK + (ticket % taskSlots) * taskWords;
  const [command, chunks, pages, index] = [
    control[task]!,
    control[task + 1]!,
    control[task + 2]!,
    control[task + 3]!,
  ];
  for (;;) {
    const seen = Atomics.load(control, TICKET);
    const chunk = seen & (2 ** chunkBits - 1);
    if (seen >>> chunkBits !== ticket || chunk >= chunks) return;
    // Only who still sees the ticket gets a chunk: until that is done, neither task nor list can change.
    if (Atomics.compareExchange(control, TICKET, seen, seen + 1) !== seen) continue;
    reach(place, pages * pageWords);
    run(place, command, chunk, index);
    Atomics.add(control, DONE, 1);
    wake(control, DONE);
  }
}

/** The memory may have been grown, by another thread even, which an engine notices late unless it is asked. */
function reach(place: Place, words: number): void {
  if (place.words.length >= words) return;
  place.words = new Int32Array(place.memory.buffer);
  if (place.words.length >= words) return;
  place.memory.grow(0);
  place.words = new Int32Array(place.memory.buffer);
}

function run({ control, table, thread, words }: Place, command: number, chunk: number, index: number): void {
  const units = words[command + UNITS]! >>> 0;
  const chunks = words[command + CHUNKS]!;
  const begin = Math.floor((units * chunk) / chunks);
  const end = Math.floor((units * (chunk + 1)) / chunks);
  if (begin === end) return;
  const args = words[command + ARGS]! >>> 0;
  const scratch = (words[command + SCRATCH]! + thread * words[command + SCRATCH_STEP]!) >>> 0;
  let status: number;
  try {
    status = table.kernels[words[command + KERNEL]!]!(args, begin, end, scratch);
    if (status === 0) return;
  } catch (error) {
    status = TRAPPED;
    const message = String(error).slice(0, messageLength);
    for (let i = 0; i < message.length; i++) control[MESSAGE + 1 + i] = message.charCodeAt(i);
    control[MESSAGE] = message.length;
  }
  // Several chunks may fail: the least status is the same for every division of the work.
  for (let other = 0; (other = Atomics.load(control, STATUS)) === 0 || status < other;)
    Atomics.compareExchange(control, STATUS, other, status);
  Atomics.store(control, FAILED, index + 1);
}
