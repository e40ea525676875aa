import { SsError } from '@ss/core';
import { failure } from '../../errors.ts';
import type { Disk } from './disk.ts';

/** What callers ask for by its code: that something is not there, or is there already. */
const answers: Readonly<Record<string, readonly string[]>> = {
  open: ['ENOENT', 'EEXIST'],
  stat: ['ENOENT'],
  readFile: ['ENOENT'],
};

/** The disk, whose troubles are errors with a code: it is full or read-only, or a file is where a folder should be. */
export function codedDisk(disk: Disk): Disk {
  return coded(disk);
}

function coded<T extends object>(target: T): T {
  return new Proxy({} as T, {
    get(_, key) {
      const method: unknown = Reflect.get(target, key);
      if (typeof method !== 'function') return method;
      return async (...args: readonly unknown[]): Promise<unknown> => {
        try {
          const result: unknown = await method.apply(target, args);
          return key === 'open' ? coded(result as object) : result;
        } catch (cause) {
          const { code } = cause as { code?: string };
          if (SsError.is(cause) || (code !== undefined && answers[String(key)]?.includes(code))) throw cause;
          throw failure(
            'source-cache',
            `The cache of downloaded models cannot be used: ${cause instanceof Error ? cause.message : String(cause)}.`,
            {
              hint: 'Make room there and look at its permissions, or name another folder: hub: { cacheDir }, or HF_HUB_CACHE.',
              cause,
            },
          );
        }
      };
    },
  });
}
