import type { BoundCall } from '../backend.ts';
import { weightRow } from './int8-weight.ts';
import { store, values } from './values.ts';

/** Row ids[r] of the weight, for every r. */
export function embedding({ inputs, outputs, sizes }: BoundCall<Uint8Array>): void {
  const { V, K } = sizes as { V: number; K: number };
  const ids = values(inputs['ids']!);
  const weight = inputs['weight']!;
  const y = new Float64Array(ids.length * K);
  for (const [r, id] of ids.entries()) {
    if (id < 0 || id >= V) throw new RangeError(`id ${id} at position ${r} is outside a table of ${V} rows`);
    y.set(weightRow(weight, id), r * K);
  }
  store(outputs['y']!, y);
}
