import type { BoundCall } from '../backend.ts';
import { scalar } from './scalar.ts';
import { store, values } from './values.ts';

/** dlogits = (softmax(logits) - onehot(target)) dloss. */
export function crossEntropyBackward({ inputs, outputs, sizes }: BoundCall<Uint8Array>): void {
  const { R, V } = sizes as { R: number; V: number };
  const logits = values(inputs['logits']!);
  const targets = values(inputs['targets']!);
  const dloss = values(inputs['dloss']!);
  const dlogits = new Float64Array(R * V);
  for (let r = 0; r < R; r++) {
    const target = targets[r]!;
    if (target >= V) throw new Error(`Target ${target} of row ${r} is outside the vocabulary of ${V}.`);
    if (target < 0) continue;
    const row = logits.subarray(r * V, (r + 1) * V);
    const log = scalar.logSoftmax(row);
    for (let v = 0; v < V; v++) {
      dlogits[r * V + v] = dloss[r]! * (Math.exp(log[v]!) - (v === target ? 1 : 0));
    }
  }
  store(outputs['dlogits']!, dlogits);
}

/** Row r of dy is added to row ids[r] of dweight, in order. */
export function embeddingBackward({ inputs, outputs, sizes }: BoundCall<Uint8Array>): void {
  const { R, V, K } = sizes as { R: number; V: number; K: number };
  const ids = values(inputs['ids']!);
  const dy = values(inputs['dy']!);
  const dweight = new Float64Array(V * K);
  for (let r = 0; r < R; r++) {
    const id = ids[r]!;
    if (id < 0 || id >= V)
      throw new Error(`Id ${id} at position ${r} is outside the ${V} rows of the embedding.`);
    for (let k = 0; k < K; k++) dweight[id * K + k]! += dy[r * K + k]!;
  }
  store(outputs['dweight']!, dweight);
}
