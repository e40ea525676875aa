/*
 * The words that the threads of one backend share, beside the linear memory. Each waited-for word has a cache
 * line to itself, and right behind it a flag that somebody sleeps on it.
 */

/** The command that is shared now: its number, then in the last bits how many of its chunks are taken. */
export const TICKET = 0;
export const chunkBits = 12;
/** How many of them are done. */
export const DONE = 16;
/** By ticket, what the command is; a few are kept, so that a late look finds nothing half written. */
export const TASK = 32;
export const taskSlots = 8;
export const taskWords = 4;
/** 1 + index of the command that failed, its status, and what was thrown: a length, then characters. */
export const FAILED = 64;
export const STATUS = 65;
/** The status of a kernel that was stopped by the machine. */
export const TRAPPED = -1;
export const MESSAGE = 66;
export const messageLength = 200;
/** Lists handed to the coordinator, lists it has run, and whether the caller has a message about that. */
export const ENQUEUED = 288;
export const COMPLETED = 304;
export const POSTED = 320;
/** The queue: a list's address, and what became of it (1 + index of the failed command, status). */
export const QUEUE = 336;
export const queueLength = 256;
export const queueWords = 3;

export const controlWords: number = QUEUE + queueLength * queueWords;

/** How long a thread spins before it sleeps: longer than a wake-up takes, shorter than anybody would notice. */
const spinMilliseconds = 0.1;
const pause: () => void = (Atomics as { pause?: () => void }).pause ?? (() => undefined);

/** Looks at word `index` for a while; true as soon as it is not `value`. */
export function changesWithin(
  milliseconds: number,
  control: Int32Array,
  index: number,
  value: number,
): boolean {
  const end = performance.now() + milliseconds;
  do {
    for (let i = 0; i < 64; i++) {
      if (Atomics.load(control, index) !== value) return true;
      pause();
    }
  } while (performance.now() < end);
  return false;
}

/** Returns once word `index` is not `value`. */
export function waitWhile(control: Int32Array, index: number, value: number): void {
  if (changesWithin(spinMilliseconds, control, index, value)) return;
  while (Atomics.load(control, index) === value) {
    // Set before the last look at the word, which is Atomics.wait's own: whoever changes the word later sees it.
    Atomics.store(control, index + 1, 1);
    Atomics.wait(control, index, value);
  }
}

/** Wakes who sleeps on a word that was just changed; costs a system call only then. */
export function wake(control: Int32Array, index: number): void {
  if (Atomics.exchange(control, index + 1, 0) !== 0) Atomics.notify(control, index);
}
