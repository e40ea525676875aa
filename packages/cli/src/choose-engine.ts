import { createRegistry } from '@ss/core';
import type { Engine, SelectRequest } from '@ss/core';
import type { BackendOptions } from './options.ts';
import type { Work } from './work.ts';

/**
 * The engine that `--backend` and `--threads` ask for, found among the installed backends and explained in one
 * line. `--threads` reaches every backend the way `SS_THREADS` does.
 * @throws SsError `backend-unavailable`
 */
export async function chooseEngine(
  options: BackendOptions,
  work: Work,
  request: SelectRequest = {},
): Promise<Engine> {
  if (options.threads !== undefined) process.env['SS_THREADS'] = String(options.threads);
  const require = options.backend === 'auto' ? undefined : options.backend;
  const engine = await createRegistry().select({ require, signal: work.signal, ...request });
  work.note(`backend: ${engine.decision!.summary}`);
  return engine;
}
