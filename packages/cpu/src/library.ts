import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Blocker } from '@ss/core';

/** Where the native library is, or why there is none. */
export function findLibrary(): { readonly path: string } | { readonly blocker: Blocker } {
  const path = join(import.meta.dirname, '../build/ss-cpu.node');
  if (existsSync(path)) return { path };
  return {
    blocker: {
      code: 'native-missing',
      message: 'the native library of @ss/cpu is not built here',
      origin: 'install',
      fix: 'Run `npx --yes pnpm@12 run setup`.',
    },
  };
}
