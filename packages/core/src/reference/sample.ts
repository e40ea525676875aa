import type { BoundCall } from '../backend.ts';
import type { SampleOptions } from '../ops/logits.ts';
import { largest } from './argmax.ts';
import { scalar } from './scalar.ts';
import { store, values } from './values.ts';

/** One id per row: penalty, temperature, top-k, top-p, min-p, then the inverse of the cumulated distribution. */
export function sample({ inputs, outputs, options, sizes }: BoundCall<Uint8Array>): void {
  const { R, V } = sizes as { R: number; V: number };
  const H = sizes['H'] ?? 0;
  const rules = options as unknown as SampleOptions;
  const logits = values(inputs['logits']!);
  const uniform = values(inputs['uniform']!);
  const recent = inputs['recentIds'] ? values(inputs['recentIds']) : new Float64Array(0);
  const ids = new Int32Array(R);
  const logProbs = new Float64Array(R);
  for (let r = 0; r < R; r++) {
    const given = logits.subarray(r * V, r * V + rules.vocabulary);
    const row = penalised(given, recent.subarray(r * H, (r + 1) * H), rules.repetitionPenalty, V);
    ids[r] = hasDistribution(given) ? draw(row, uniform[r]!, rules) : -1;
    logProbs[r] = scalar.logSoftmax(given)[ids[r]!] ?? NaN;
  }
  store(outputs['ids']!, ids);
  store(outputs['logProbs']!, logProbs);
}

/** No logit is NaN, and the largest is finite. */
function hasDistribution(row: Float64Array): boolean {
  return Number.isFinite(row.reduce((a, b) => Math.max(a, b)));
}

/** Once for each recent id: a positive logit is divided, a negative one multiplied. */
function penalised(given: Float64Array, recent: Float64Array, penalty: number, V: number): Float64Array {
  const row = given.slice();
  for (const id of new Set(recent)) {
    if (id >= V) throw new RangeError(`recent id ${id} is outside ${V} logits`);
    if (id >= 0 && id < row.length) row[id] = row[id]! > 0 ? row[id]! / penalty : row[id]! * penalty;
  }
  return row;
}

function draw(row: Float64Array, uniform: number, { temperature, topK, topP, minP }: SampleOptions): number {
  if (temperature === 0) return largest(row);
  const order = Uint32Array.from(row.keys()).toSorted((a, b) => compare(row[b]!, row[a]!) || a - b);
  let kept = topK > 0 ? order.subarray(0, topK) : order;
  const most = row[order[0]!]!;
  const weight = (id: number): number => Math.exp((row[id]! - most) / temperature);

  const total = sum(kept, weight);
  let reached = 0;
  kept = kept.subarray(0, 1 + kept.findIndex((id) => (reached += weight(id)) >= topP * total));
  kept = kept.filter((id) => weight(id) >= minP);

  const threshold = uniform * sum(kept, weight);
  let cumulated = 0;
  for (const id of kept) {
    cumulated += weight(id);
    if (cumulated > threshold) return id;
  }
  // The sum was rounded down.
  return order[0]!;
}

function sum(ids: Uint32Array, weight: (id: number) => number): number {
  return ids.reduce((total, id) => total + weight(id), 0);
}

/** -Infinity equals itself, which a difference would not say. */
function compare(a: number, b: number): number {
  return a > b ? 1 : a < b ? -1 : 0;
}
