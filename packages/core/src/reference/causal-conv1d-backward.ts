import type { BoundCall } from '../backend.ts';
import { scalar } from './scalar.ts';
import { sequences } from './sequences.ts';
import { store, values } from './values.ts';

/**
 * With the padded input p = [initialState, x] in the order of the walk, s_t = bias + sum_k w_k p_{t+k} and
 * y_t = act(s_t): dp_{t+k} += w_k ds_t, dw_k = sum_t ds_t p_{t+k}, dbias = sum_t ds_t. The final state is the
 * tail of p, so its cotangent is added there; the head of dp is the gradient of the initial state.
 */
export function causalConv1dBackward(call: BoundCall<Uint8Array>): void {
  const { inputs, outputs, options, sizes } = call;
  const { L, D, W } = sizes as { L: number; D: number; W: number };
  const x = values(inputs['x']!);
  const dy = values(inputs['dy']!);
  const weight = values(inputs['weight']!);
  const bias = inputs['bias'] && values(inputs['bias']);
  const initial = inputs['initialState'] && values(inputs['initialState']);
  const final = inputs['dfinalState'] && values(inputs['dfinalState']);
  const before = W - 1;
  const dx = new Float64Array(x.length);
  const dweight = new Float64Array(weight.length);
  const dbias = new Float64Array(D);
  const dinitial = new Float64Array(initial?.length ?? 0);
  const padded = new Float64Array(before + L);
  const dpadded = new Float64Array(before + L);

  for (const { index, row, first, length, slot } of sequences(call)) {
    if (slot < 0) continue;
    for (let d = 0; d < D; d++) {
      const at = (step: number): number =>
        (row * L + first + (options['reverse'] ? length - 1 - step : step)) * D + d;
      const stateAt = (state: number, column: number): number => (state * before + column) * D + d;
      for (let k = 0; k < before; k++) padded[k] = initial ? initial[stateAt(slot, k)]! : 0;
      for (let t = 0; t < length; t++) padded[before + t] = x[at(t)]!;
      dpadded.fill(0);
      if (final) for (let k = 0; k < before; k++) dpadded[length + k] = final[stateAt(index, k)]!;
      for (let t = 0; t < length; t++) {
        let ds = dy[at(t)]!;
        if (options['activation'] === 'silu') {
          let s = bias ? bias[d]! : 0;
          for (let k = 0; k < W; k++) s += weight[d * W + k]! * padded[t + k]!;
          ds *= scalar.siluSlope(s);
        }
        dbias[d]! += ds;
        for (let k = 0; k < W; k++) {
          dweight[d * W + k]! += ds * padded[t + k]!;
          dpadded[t + k]! += ds * weight[d * W + k]!;
        }
      }
      if (initial) for (let k = 0; k < before; k++) dinitial[stateAt(slot, k)]! += dpadded[k]!;
      for (let t = 0; t < length; t++) dx[at(t)] = dpadded[before + t]!;
    }
  }
  store(outputs['dx']!, dx);
  store(outputs['dweight']!, dweight);
  if (outputs['dbias']) store(outputs['dbias'], dbias);
  if (outputs['dinitialState']) store(outputs['dinitialState'], dinitial);
}
