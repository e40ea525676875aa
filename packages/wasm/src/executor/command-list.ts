/*
 * A command list lies in linear memory, so that every thread can walk it: a header, then the commands.
 * Arguments of kernels are blocks of words, wherever a command says.
 */

/** Words of the header: the number of commands, */
export const COUNT = 0;
/** the pages of memory that had been grown when the list was made, */
export const PAGES = 1;
/** and 1 when somebody waits for this very list, whatever comes after it. */
export const AWAITED = 2;
export const listHeader = 3;

/** Words of one command. */
export const KERNEL = 0;
export const ARGS = 1;
/** Units of work, and into how many chunks they are divided for all threads; 1: the leader does them alone. */
export const UNITS = 2;
export const CHUNKS = 3;
/** Scratch of the leading thread; the next thread's is `SCRATCH_STEP` bytes further. */
export const SCRATCH = 4;
export const SCRATCH_STEP = 5;
export const commandWords = 6;

/** (args, begin, end, scratch) to a status, 0 for success. */
export type Kernel = (args: number, begin: number, end: number, scratch: number) => number;

export interface KernelTable {
  readonly names: readonly string[];
  readonly kernels: readonly Kernel[];
}

/** Kernels by number: the same in every thread, since every thread has the same module. */
export function kernelTable(instance: WebAssembly.Instance, memory: WebAssembly.Memory): KernelTable {
  const own = Object.entries(instance.exports).filter(
    (entry): entry is [string, Kernel] => typeof entry[1] === 'function',
  );
  const all: [string, Kernel][] = [['copyBytes', copyBytes(memory)], ['fillZero', fillZero(memory)], ...own];
  return { names: all.map(([name]) => name), kernels: all.map(([, kernel]) => kernel) };
}

/** Arguments: to, from, length in bytes. */
function copyBytes(memory: WebAssembly.Memory): Kernel {
  return (args) => {
    const [to, from, length] = words(memory, args);
    new Uint8Array(memory.buffer).copyWithin(to!, from!, from! + length!);
    return 0;
  };
}

/** Arguments: to, (unused), length in bytes. */
function fillZero(memory: WebAssembly.Memory): Kernel {
  return (args) => {
    const [to, , length] = words(memory, args);
    new Uint8Array(memory.buffer, to, length).fill(0);
    return 0;
  };
}

function words(memory: WebAssembly.Memory, args: number): Uint32Array {
  return new Uint32Array(memory.buffer, args, 3);
}
