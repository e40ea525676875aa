import type { BoundCall } from '../backend.ts';
import { store, values } from './values.ts';

/** dx = dy W, dW = dy^T x, dbias = the sum of dy over rows. */
export function linearBackward({ inputs, outputs, sizes }: BoundCall<Uint8Array>): void {
  const { R, K, M } = sizes as { R: number; K: number; M: number };
  const x = values(inputs['x']!);
  const weight = values(inputs['weight']!);
  const dy = values(inputs['dy']!);
  const dx = new Float64Array(R * K);
  const dweight = new Float64Array(M * K);
  const dbias = new Float64Array(M);
  for (let r = 0; r < R; r++) {
    for (let m = 0; m < M; m++) {
      const g = dy[r * M + m]!;
      dbias[m]! += g;
      for (let k = 0; k < K; k++) {
        dx[r * K + k]! += g * weight[m * K + k]!;
        dweight[m * K + k]! += g * x[r * K + k]!;
      }
    }
  }
  store(outputs['dx']!, dx);
  store(outputs['dweight']!, dweight);
  if (outputs['dbias']) store(outputs['dbias'], dbias);
}
