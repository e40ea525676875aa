import type { BoundCall } from '../backend.ts';
import { scalar } from './scalar.ts';
import { store, values } from './values.ts';

/** loss_r = -log(softmax(logits_r)) at the target; 0 where the target is negative. */
export function crossEntropy({ inputs, outputs, sizes }: BoundCall<Uint8Array>): void {
  const V = sizes['V']!;
  const logits = values(inputs['logits']!);
  const targets = values(inputs['targets']!);
  const loss = targets.map((target, r) => {
    if (target >= V) throw new RangeError(`target ${target} in row ${r} is outside ${V} logits`);
    const row = logits.subarray(r * V, (r + 1) * V);
    return target < 0 ? 0 : -scalar.logSoftmax(row)[target]!;
  });
  store(outputs['loss']!, loss);
}
