import { checkOptions, checkThreads, defineBackend, SsError } from '@ss/core';
import type { Backend, BackendRegistration, OptionNames, Probe } from '@ss/core';
import { findLibrary } from './library.ts';
import type { CpuOptions } from './options.ts';

const optionNames: OptionNames<CpuOptions> = { threads: 'num_threads n_threads cores', library: true };

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

function check(options: CpuOptions): void {
  checkOptions('cpu()', options, optionNames);
  const { threads, library } = options;
  if (library !== undefined && typeof library !== 'string')
    throw new SsError('argument-invalid', 'cpu: library is no path.', { details: { library } });
  if (threads !== undefined && threads !== 'auto') checkThreads('cpu: threads', threads);
}
