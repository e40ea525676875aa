import {
  ALL_THREADS,
  ARGS,
  commandWords,
  COUNT,
  KERNEL,
  listHeader,
  PAGES,
  SCRATCH,
  SCRATCH_STEP,
  SHARED_COUNT,
  UNITS,
} from './command-list.ts';
import type { KernelTable } from './command-list.ts';
import {
  ARRIVED,
  FAILED,
  GENERATION,
  LIST,
  MESSAGE,
  messageLength,
  PHASE,
  STATUS,
  TRAPPED,
  waitWhile,
  wake,
} from './control.ts';

const pageWords = 65536 / 4;

/** One thread's place among those that run a command list together. Thread 0 leads. */
export interface Place {
  readonly thread: number;
  readonly threads: number;
  readonly control: Int32Array;
  readonly memory: WebAssembly.Memory;
  readonly table: KernelTable;
  /** The memory as it was when it was last looked at. */
  words: Int32Array;
}

/** Runs one list to its end, on all threads if it says so. What failed is in the control words. */
export function lead(place: Place, list: number): void {
  const { control, threads } = place;
  const words = wordsOf(place, list);
  Atomics.store(control, FAILED, 0);
  Atomics.store(control, STATUS, 0);
  if (threads > 1 && words[list / 4 + SHARED_COUNT]! > 0) {
    Atomics.store(control, LIST, list);
    Atomics.add(control, GENERATION, 1);
    wake(control, GENERATION);
  }
  walk(place, list, words[list / 4 + COUNT]!);
}

/** A helper's life: its share of every list. */
export function follow(place: Place): never {
  const { control } = place;
  for (let generation = 0; ; generation = (generation + 1) | 0) {
    waitWhile(control, GENERATION, generation);
    const list = Atomics.load(control, LIST) >>> 0;
    walk(place, list, wordsOf(place, list)[list / 4 + SHARED_COUNT]!);
  }
}

/** The memory may have been grown, by another thread even, which an engine notices late unless it is asked. */
function wordsOf(place: Place, list: number): Int32Array {
  if (isBeyond(place, list)) place.words = new Int32Array(place.memory.buffer);
  if (isBeyond(place, list)) {
    place.memory.grow(0);
    place.words = new Int32Array(place.memory.buffer);
  }
  return place.words;
}

function isBeyond({ words }: Place, list: number): boolean {
  const start = list / 4;
  return start + listHeader > words.length || words[start + PAGES]! * pageWords > words.length;
}

/**
 * Every thread passes the same barriers, one before and one after each command that is shared; what lies
 * between is done by the leader alone. After a failure nothing more is done, but the barriers are still
 * passed, so that nobody is left waiting.
 */
function walk(place: Place, list: number, count: number): void {
  const { thread, threads, control, words } = place;
  let at = list / 4 + listHeader;
  let shared = false;
  for (let index = 0; index < count; index++, at += commandWords) {
    const all = threads > 1 && words[at + ALL_THREADS] !== 0;
    if (all || shared) barrier(control, threads);
    const failed = Atomics.load(control, FAILED);
    // Of a command that failed elsewhere every share is still tried, so that the same status comes out.
    if ((all || thread === 0) && (failed === 0 || failed === index + 1)) {
      const units = words[at + UNITS]! >>> 0;
      const begin = all ? Math.floor((units * thread) / threads) : 0;
      const end = all ? Math.floor((units * (thread + 1)) / threads) : units;
      if (begin < end)
        run(
          place,
          index,
          words[at + KERNEL]!,
          words[at + ARGS]! >>> 0,
          begin,
          end,
          (words[at + SCRATCH]! + thread * words[at + SCRATCH_STEP]!) >>> 0,
        );
    }
    shared = all;
  }
  if (shared) barrier(control, threads);
}

function run(
  { control, table }: Place,
  index: number,
  kernel: number,
  args: number,
  begin: number,
  end: number,
  scratch: number,
): void {
  let status: number;
  try {
    status = table.kernels[kernel]!(args, begin, end, scratch);
    if (status === 0) return;
  } catch (error) {
    status = TRAPPED;
    const message = String(error).slice(0, messageLength);
    for (let i = 0; i < message.length; i++) control[MESSAGE + 1 + i] = message.charCodeAt(i);
    control[MESSAGE] = message.length;
  }
  // Threads may fail at once, in the same command: the least status is the same for every division of the work.
  for (let other = 0; (other = Atomics.load(control, STATUS)) === 0 || status < other;)
    Atomics.compareExchange(control, STATUS, other, status);
  Atomics.store(control, FAILED, index + 1);
}

function barrier(control: Int32Array, threads: number): void {
  const phase = Atomics.load(control, PHASE);
  if (Atomics.add(control, ARRIVED, 1) + 1 < threads) {
    waitWhile(control, PHASE, phase);
    return;
  }
  Atomics.store(control, ARRIVED, 0);
  Atomics.add(control, PHASE, 1);
  wake(control, PHASE);
}
