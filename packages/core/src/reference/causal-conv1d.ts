import type { BoundCall } from '../backend.ts';
import { scalar } from './scalar.ts';
import { store, values } from './values.ts';

/**
 * y_t = act(bias + sum_k weight_k x_{t - W + 1 + k}).
 *
 * With the W - 1 columns of history in front, the sequence in the order of the walk is one array of
 * W - 1 + L columns: output s sees columns s to s + W - 1, and the last W - 1 columns are the final state.
 */
export function causalConv1d({ inputs, outputs, options, sizes }: BoundCall<Uint8Array>): void {
  const { B, D, W } = sizes as { B: number; D: number; W: number };
  const L = sizes['L'] ?? 1;
  const x = values(inputs['x']!);
  const weight = values(inputs['weight']!);
  const bias = inputs['bias'] && values(inputs['bias']);
  const before = inputs['initialState'] ?? inputs['state'];
  const history = before && values(before);
  const past = W - 1;
  const last = new Float64Array(B * past * D);
  const y = new Float64Array(B * L * D);
  const timeOf = (step: number): number => (options['reverse'] ? L - 1 - step : step);

  for (let b = 0; b < B; b++) {
    const column = (c: number, d: number): number => {
      if (c >= past) return x[(b * L + timeOf(c - past)) * D + d]!;
      return history ? history[(b * past + c) * D + d]! : 0;
    };
    for (let step = 0; step < L; step++) {
      for (let d = 0; d < D; d++) {
        let sum = bias ? bias[d]! : 0;
        for (let k = 0; k < W; k++) sum += weight[d * W + k]! * column(step + k, d);
        y[(b * L + timeOf(step)) * D + d] = options['activation'] === 'silu' ? scalar.silu(sum) : sum;
      }
    }
    for (let c = 0; c < past; c++) {
      for (let d = 0; d < D; d++) last[(b * past + c) * D + d] = column(L + c, d);
    }
  }
  store(outputs['y']!, y);
  const after = outputs['finalState'] ?? inputs['state'];
  if (after) store(after, last);
}
