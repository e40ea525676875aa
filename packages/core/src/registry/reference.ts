import type { BackendRegistration } from '../backend.ts';
import { defineBackend } from '../backend.ts';

/** The reference backend: plain TypeScript in float64, on every machine, last choice. Loaded when chosen. */
export function reference(): BackendRegistration {
  return defineBackend({
    apiVersion: 1,
    id: 'reference',
    priority: 0,
    probe: () => ({ available: true }),
    load: async () => (await import('../reference/index.ts')).createReferenceBackend(),
  });
}
