import type { BoundCall } from '../backend.ts';
import { scalar } from './scalar.ts';
import { sequences } from './sequences.ts';
import { store, values } from './values.ts';

/**
 * y_t = act(bias + sum_k weight_k x_{t - W + 1 + k}).
 *
 * With the W - 1 columns of history in front, the sequence in the order of the walk is one array of
 * W - 1 + L columns: output s sees columns s to s + W - 1, and the last W - 1 columns are the final state.
 */
export function causalConv1d(call: BoundCall<Uint8Array>): void {
  const { inputs, outputs, options, sizes } = call;
  const { B, D, W } = sizes as { B: number; D: number; W: number };
  const L = sizes['L'] ?? 1;
  const x = values(inputs['x']!);
  const weight = values(inputs['weight']!);
  const bias = inputs['bias'] && values(inputs['bias']);
  const before = inputs['initialState'] ?? inputs['state'];
  const history = before && values(before);
  const past = W - 1;
  const all = sequences(call);
  const last = inputs['state'] ? history!.slice() : new Float64Array(all.length * past * D);
  const y = new Float64Array(B * L * D);

  for (const { index, row, first, length, slot } of all) {
    if (slot < 0) continue;
    const at = (step: number): number =>
      (row * L + first + (options['reverse'] ? length - 1 - step : step)) * D;
    const column = (c: number, d: number): number => {
      if (c >= past) return x[at(c - past) + d]!;
      return history ? history[(slot * past + c) * D + d]! : 0;
    };
    for (let step = 0; step < length; step++) {
      for (let d = 0; d < D; d++) {
        let sum = bias ? bias[d]! : 0;
        for (let k = 0; k < W; k++) sum += weight[d * W + k]! * column(step + k, d);
        y[at(step) + d] = options['activation'] === 'silu' ? scalar.silu(sum) : sum;
      }
    }
    const to = inputs['state'] ? slot : index;
    for (let c = 0; c < past; c++) {
      for (let d = 0; d < D; d++) last[(to * past + c) * D + d] = column(length + c, d);
    }
  }
  store(outputs['y']!, y);
  const after = outputs['finalState'] ?? inputs['state'];
  if (after) store(after, last);
}
