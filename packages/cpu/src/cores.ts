import { readFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';

/**
 * Physical cores that this process may use: two threads on one core share the units that kernels keep busy.
 * @param siblings which processors share the core of one, as Linux says it; undefined where nobody knows
 */
export function usableCores(
  available: number = availableParallelism(),
  processors: number = cpus().length,
  siblings: (processor: number) => string | undefined = siblingsOf,
): number {
  const cores = new Set<string>();
  for (let processor = 0; processor < processors; processor++) {
    const shared = siblings(processor);
    if (shared === undefined) return available;
    cores.add(shared);
  }
  // A share of the processors is taken to be as good a share of the cores.
  return Math.max(1, Math.min(available, cores.size));
}

function siblingsOf(processor: number): string | undefined {
  try {
    const path = `/sys/devices/system/cpu/cpu${processor}/topology/thread_siblings_list`;
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}
