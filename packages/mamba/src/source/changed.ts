import type { SsError } from '@ss/core';
import { failure } from '../errors.ts';

/** A file whose first part was read from one version, and whose next part would be from another. */
export function changed(name: string, how: string, cause?: unknown): SsError {
  return failure('source-changed', `${name} was replaced while it was read: ${how}.`, {
    hint: 'Load the model again.',
    details: { file: name },
    cause,
  });
}
