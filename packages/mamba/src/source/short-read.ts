import type { SsError } from '@ss/core';
import { failure } from '../errors.ts';

/** A file that ends at byte `got` where something up to `wanted` was promised. */
export function truncated(name: string, wanted: number, got: number): SsError {
  return failure('checkpoint-truncated', `${name} ends at byte ${got} where ${wanted} are wanted.`, {
    hint: 'Download it again.',
    details: { file: name, wanted, got },
  });
}
