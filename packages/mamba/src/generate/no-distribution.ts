import type { SsError } from '@ss/core';
import { failure } from '../errors.ts';

/** Logits that nothing can be drawn from. @param where in the words of the message, such as "in step 3" */
export function noDistribution(
  where: string,
  details: Readonly<Record<string, number>> = {},
): SsError<'numerics-invalid'> {
  return failure('numerics-invalid', `The logits ${where} are no distribution: one is NaN or infinite.`, {
    details,
    hint: 'Look for NaN in the weights, for weights that are too narrow, or for a state that has overflowed.',
  });
}
