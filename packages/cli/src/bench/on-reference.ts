import { Engine } from '@ss/core/engine';

/** Runs `body` on the reference backend: plain loops in float64. */
export async function onReference<T>(body: (engine: Engine) => Promise<T>): Promise<T> {
  // A sub-path, so that only what compares loads it.
  const { createReferenceBackend } = await import('@ss/core/reference');
  await using engine = new Engine(createReferenceBackend());
  return await body(engine);
}
