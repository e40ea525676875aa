import type { BoundCall } from '../backend.ts';
import { store, values } from './values.ts';

/** The id of the largest logit of each row. */
export function argmax({ inputs, outputs, options, sizes }: BoundCall<Uint8Array>): void {
  const { R, V } = sizes as { R: number; V: number };
  const vocabulary = options['vocabulary'] as number;
  const logits = values(inputs['logits']!);
  const ids = Array.from({ length: R }, (_, r) => largest(logits.subarray(r * V, r * V + vocabulary)));
  store(outputs['ids']!, ids);
}

/** The lowest index among the largest values; -1 where one is NaN. */
export function largest(row: Float64Array): number {
  if (row.some(Number.isNaN)) return -1;
  let best = 0;
  let value = -Infinity;
  for (const [id, logit] of row.entries()) {
    if (logit > value) [best, value] = [id, logit];
  }
  return best;
}
