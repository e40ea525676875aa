import { throwIfAborted } from '@ss/core';
import { found } from './disk.ts';
import type { Disk } from './disk.ts';

const beatMilliseconds = 1000;
const pollMilliseconds = 50;
/** A lock that was not touched for so many beats belongs to a program that is gone. */
const staleMilliseconds = 10 * beatMilliseconds;

interface Timer {
  unref?(): void;
}

/**
 * Waits until nobody else, in this program or another, has the lock, a file that its holder touches again and
 * again. Two that find a dead one at the same moment may both get it; what they write is checked in any case.
 */
export async function lock(
  disk: Disk,
  path: string,
  signal: AbortSignal | undefined,
  stale: number = staleMilliseconds,
): Promise<AsyncDisposable> {
  let seen: { readonly touched: number; readonly at: number } | undefined;
  while (!(await create(disk, path))) {
    throwIfAborted(signal, 'waiting for another download');
    const touched = (await found(disk.stat(path)))?.mtimeMs ?? 0;
    const now = performance.now();
    if (seen?.touched !== touched) seen = { touched, at: now };
    if (now - seen.at > stale) await disk.rm(path, { force: true });
    else await new Promise((resolve) => setTimeout(resolve, pollMilliseconds));
  }
  const touch = (): void => void disk.utimes(path, new Date(), new Date()).catch(() => undefined);
  const timer: unknown = setInterval(touch, beatMilliseconds);
  // A lock alone keeps no program alive.
  (timer as Timer).unref?.();
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer as number);
      // What cannot be removed is taken for dead soon.
      await disk.rm(path, { force: true }).catch(() => undefined);
    },
  };
}

async function create(disk: Disk, path: string): Promise<boolean> {
  try {
    await (await disk.open(path, 'wx')).close();
    return true;
  } catch (error) {
    if ((error as { code?: unknown }).code === 'EEXIST') return false;
    throw error;
  }
}
