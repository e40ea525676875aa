import { availableParallelism } from 'node:os';
import { createRequire } from 'node:module';
import { readEnvironment, SsError, throwIfAborted } from '@ss/core';
import type { Backend, LoadOptions } from '@ss/core';
import type { Addon } from './addon.ts';
import { CpuBackend } from './backend.ts';
import { findLibrary } from './library.ts';
import type { CpuOptions } from './options.ts';

/** Opens the native library, and a queue with its threads. @throws SsError `backend-unavailable`, `aborted` */
export async function load({ threads = 'auto' }: CpuOptions, { signal }: LoadOptions): Promise<Backend> {
  throwIfAborted(signal, 'loading cpu');
  const addon = openLibrary();
  const count = (threads === 'auto' ? readEnvironment().threads : threads) ?? availableParallelism();
  const facts = { isa: addon.isa(), threads: count };
  return new CpuBackend(addon, { kind: 'cpu', name: 'native', facts }, count);
}

function openLibrary(): Addon {
  const found = findLibrary();
  if ('blocker' in found) throw new SsError('backend-unavailable', found.blocker.message);
  return createRequire(import.meta.url)(found.path) as Addon;
}
