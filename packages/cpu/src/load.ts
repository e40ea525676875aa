import { readEnvironment, SsError, throwIfAborted } from '@ss/core';
import type { Backend, LoadOptions } from '@ss/core';
import type { Addon } from './addon.ts';
import { CpuBackend } from './backend.ts';
import { usableCores } from './cores.ts';
import { explainFailure } from './explain-failure.ts';
import { findLibrary } from './library.ts';
import type { CpuOptions } from './options.ts';

/**
 * Opens the native library, and a queue with its threads.
 * @throws SsError `backend-unavailable`, `environment-invalid`, `aborted`
 */
export async function load(
  { threads = 'auto', library }: CpuOptions,
  { signal }: LoadOptions,
): Promise<Backend> {
  throwIfAborted(signal, 'loading cpu');
  const addon = openLibrary(library);
  const environment = readEnvironment();
  if (environment.cpuIsa !== undefined) limit(addon, environment.cpuIsa);
  const count = (threads === 'auto' ? environment.threads : threads) ?? usableCores();
  try {
    return new CpuBackend(addon, count);
  } catch (cause) {
    throw new SsError('backend-unavailable', `cpu cannot start a thread: ${(cause as Error).message}.`, {
      hint: 'This user or container runs as many processes as it may: see ulimit -u, or the limit of pids.',
      cause,
    });
  }
}

/** Libraries that this thread has opened, by path. */
const opened = new Map<string, Addon>();

function openLibrary(named: string | undefined): Addon {
  const found = findLibrary(named);
  if ('blocker' in found) {
    const { message, fix } = found.blocker;
    throw new SsError('backend-unavailable', `${message}.`, { ...(fix !== undefined && { hint: fix }) });
  }
  const before = opened.get(found.path);
  if (before !== undefined) return before;
  // Not require(): that would keep a library which did not load for as long as the process lives.
  const module = { exports: {} };
  try {
    process.dlopen(module, found.path);
  } catch (cause) {
    const { message, hint } = explainFailure(found.path, (cause as Error).message);
    throw new SsError('backend-unavailable', message, { hint, cause });
  }
  opened.set(found.path, module.exports as Addon);
  return module.exports as Addon;
}

/** The instruction set belongs to the process: whoever loads first decides. */
function limit(addon: Addon, isa: string): void {
  if (addon.limit(isa)) return;
  throw new SsError(
    'environment-invalid',
    `SS_CPU_ISA is ${JSON.stringify(isa)} where sse4, avx2 or avx3 is wanted.`,
  );
}
