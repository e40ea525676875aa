import { createRegistry, defineBackend } from '@ss/core';
import type { Backend, BackendRegistration, Engine } from '@ss/core';
import { createReferenceBackend } from '@ss/core/reference';

/** A registration of a ready-made backend. */
export function registrationOf(backend: Backend): BackendRegistration {
  return defineBackend({
    apiVersion: 1,
    id: backend.id,
    priority: 5,
    probe: () => ({ available: true }),
    load: async () => backend,
  });
}

/** An engine over a backend; by default the reference under a name of its own, so that its memory can be watched. */
export function engineOf(backend: Backend = { ...createReferenceBackend(), id: 'watched' }): Promise<Engine> {
  return createRegistry([registrationOf(backend)]).select({ require: backend.id });
}
