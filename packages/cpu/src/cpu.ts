import { defineBackend, SsError } from '@ss/core';
import type { Backend, BackendRegistration, Probe } from '@ss/core';
import { findLibrary } from './library.ts';
import type { CpuOptions } from './options.ts';

const mostThreads = 256;

/**
 * The native backend: SIMD kernels for the instruction set at hand, on threads of its own. For Node on machines
 * that its library was built for.
 * @throws SsError `argument-invalid` for an option that means nothing
 */
export function cpu(given: CpuOptions = {}): BackendRegistration {
  const options = { ...given };
  check(options);
  return defineBackend({
    apiVersion: 1,
    id: 'cpu',
    priority: 200,
    probe: () => probe(options.library),
    load: async (request): Promise<Backend> => (await import('./load.ts')).load(options, request),
  });
}

function probe(library: string | undefined): Probe {
  const found = findLibrary(library);
  return 'path' in found ? { available: true } : { available: false, blockers: [found.blocker] };
}

function check({ threads, library }: CpuOptions): void {
  if (library !== undefined && typeof library !== 'string')
    throw new SsError('argument-invalid', 'cpu: library is no path.', { details: { library } });
  if (threads === undefined || threads === 'auto') return;
  if (Number.isInteger(threads) && threads >= 1 && threads <= mostThreads) return;
  throw new SsError(
    'argument-invalid',
    `cpu: threads is ${JSON.stringify(threads)} where 'auto' or 1 to ${mostThreads} is wanted.`,
    { details: { threads } },
  );
}
