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

/** The reference backend under a name of its own; `before` is called ahead of everything it runs. */
export function watchedBackend(before: () => void = () => undefined): Backend {
  const backend = createReferenceBackend();
  const watched: typeof backend = {
    ...backend,
    id: 'watched',
    submit(calls) {
      before();
      return backend.submit(calls);
    },
  };
  return watched;
}

/** An engine over a backend; by default one of its own, so that its memory can be watched. */
export function engineOf(backend: Backend = watchedBackend()): Promise<Engine> {
  return createRegistry([registrationOf(backend)]).select({ require: backend.id });
}
