import type { BoundCall } from '../backend.ts';
import { scalar } from './scalar.ts';
import { store, values } from './values.ts';

/**
 * h_t = exp(dt_t A) h_{t-1} + dt_t B_t u_t,  y_t = sum_n C_t h_t + D u_t,  gated by silu(z_t).
 *
 * This is the zero-order hold of h' = A h + B u for A, and the simpler Euler step dt * B for B, as every
 * published checkpoint was trained (Gu & Dao 2023, section 3.3). With complex A the real signal is twice the
 * real part of the sum, the other half of each conjugate pair being implied.
 */
export function selectiveScan(call: BoundCall<Uint8Array>): void {
  const { inputs, outputs, options } = call;
  const { B, L, D, N, G } = call.sizes as { B: number; L: number; D: number; N: number; G: number };
  const u = values(inputs['u']!);
  const delta = values(inputs['delta']!);
  const A = values(inputs['A']!);
  const inputMatrix = projection(call, 'B');
  const outputMatrix = projection(call, 'C');
  const skip = inputs['D'] && values(inputs['D']);
  const z = inputs['z'] && values(inputs['z']);
  const bias = inputs['deltaBias'] && values(inputs['deltaBias']);
  const before = inputs['initialState'] ?? inputs['state'];
  const complex = inputs['A']!.dtype === 'complex64';
  const parts = complex ? 2 : 1;
  const h = before ? values(before) : new Float64Array(B * D * N * parts);
  const y = new Float64Array(B * L * D);

  for (let b = 0; b < B; b++) {
    for (let step = 0; step < L; step++) {
      const t = options['reverse'] ? L - 1 - step : step;
      for (let d = 0; d < D; d++) {
        const at = (b * L + t) * D + d;
        const group = Math.floor(d / (D / G));
        let dt = delta[at]! + (bias ? bias[d]! : 0);
        if (options['softplus']) dt = scalar.softplus(dt);
        let sum = 0;
        for (let n = 0; n < N; n++) {
          const state = ((b * D + d) * N + n) * parts;
          const a = (d * N + n) * parts;
          const bAt = inputMatrix.at(b, t, group, d, n) * parts;
          const cAt = outputMatrix.at(b, t, group, d, n) * parts;
          const dtu = dt * u[at]!;
          if (complex) {
            const decay = Math.exp(dt * A[a]!);
            const re = decay * Math.cos(dt * A[a + 1]!);
            const im = decay * Math.sin(dt * A[a + 1]!);
            const hr = h[state]!;
            const hi = h[state + 1]!;
            h[state] = re * hr - im * hi + dtu * inputMatrix.data[bAt]!;
            h[state + 1] = re * hi + im * hr + dtu * inputMatrix.data[bAt + 1]!;
            sum += 2 * (h[state]! * outputMatrix.data[cAt]! - h[state + 1]! * outputMatrix.data[cAt + 1]!);
          } else {
            h[state] = Math.exp(dt * A[a]!) * h[state]! + dtu * inputMatrix.data[bAt]!;
            sum += h[state]! * outputMatrix.data[cAt]!;
          }
        }
        if (skip) sum += skip[d]! * u[at]!;
        y[at] = z ? sum * scalar.silu(z[at]!) : sum;
      }
    }
  }
  store(outputs['y']!, y);
  const after = outputs['finalState'] ?? inputs['state'];
  if (after) store(after, h);
}

/** B or C, constant (D, N) or varying (B, L, [G,] N), with the index of element n seen by channel d at (b, t). */
export function projection(call: BoundCall<Uint8Array>, name: 'B' | 'C'): { data: Float64Array; at(b: number, t: number, g: number, d: number, n: number): number } {
  const arg = call.inputs[name]!;
  const { L, N } = call.sizes as { L: number; N: number };
  const data = values(arg);
  if (arg.shape.length === 2) return { data, at: (_b, _t, _g, d, n) => d * N + n };
  const groups = arg.shape.length === 4 ? arg.shape[2]! : 1;
  return { data, at: (b, t, g, _d, n) => ((b * L + t) * groups + (groups === 1 ? 0 : g)) * N + n };
}
