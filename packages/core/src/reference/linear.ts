import type { BoundCall } from '../backend.ts';
import { weightValues } from './int8-weight.ts';
import { store, values } from './values.ts';

/** y = x weight^T + bias + residual. */
export function linear({ inputs, outputs, sizes }: BoundCall<Uint8Array>): void {
  const { R, K, M } = sizes as { R: number; K: number; M: number };
  const x = values(inputs['x']!);
  const weight = weightValues(inputs['weight']!);
  const bias = inputs['bias'] && values(inputs['bias']);
  const residual = inputs['residual'] && values(inputs['residual']);
  const y = new Float64Array(R * M);
  for (let r = 0; r < R; r++) {
    for (let m = 0; m < M; m++) {
      let sum = 0;
      for (let k = 0; k < K; k++) sum += x[r * K + k]! * weight[m * K + k]!;
      if (bias) sum += bias[m]!;
      if (residual) sum += residual[r * M + m]!;
      y[r * M + m] = sum;
    }
  }
  store(outputs['y']!, y);
}
