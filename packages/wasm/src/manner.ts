import { readEnvironment, SsError } from '@ss/core';
import type { WasmOptions } from './options.ts';
import type { Surroundings } from './surroundings.ts';

/** Threads beyond this many mostly wait for memory. */
const mostThreadsUnasked = 8;

/** How a backend will run: on which threads. */
export interface Manner {
  readonly mode: 'inline' | 'worker';
  readonly threads: number;
  /** Whether that takes workers, and with them shared memory. */
  readonly crew: boolean;
  /** Why it is less than what was wanted. */
  readonly limit?: string | undefined;
  /** What to do when workers cannot be started. */
  readonly alternative?: Manner;
}

const alone: Manner = { mode: 'inline', threads: 1, crew: false };
const isolationHint =
  'Serve the page with Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp.';

/** @throws SsError `backend-unavailable` when `mode: 'worker'` was asked for where there is no shared memory */
export function chooseManner({ mode = 'auto', threads = 'auto' }: WasmOptions, where: Surroundings): Manner {
  const asked = threads === 'auto' ? readEnvironment().threads : threads;
  const wanted = asked ?? Math.min(where.cores, mostThreadsUnasked);
  if (!where.sharedMemory) {
    if (mode === 'worker') {
      throw new SsError('backend-unavailable', 'Worker mode of wasm needs shared memory.', {
        hint: isolationHint,
      });
    }
    return asked === 1 ? alone : { ...alone, limit: 'no shared memory' };
  }
  if (mode !== 'inline')
    return { mode: 'worker', threads: wanted, crew: true, ...(mode === 'auto' && { alternative: alone }) };
  if (wanted === 1) return alone;
  if (!where.mayWait) return { ...alone, limit: 'a page may not wait for threads' };
  // Inline calls are the one thing asked for; more threads are welcome if there are any.
  return { mode, threads: wanted, crew: true, ...(asked === undefined && { alternative: alone }) };
}
