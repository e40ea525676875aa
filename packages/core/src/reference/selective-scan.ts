import type { BoundCall } from '../backend.ts';
import { scalar } from './scalar.ts';
import { sequences } from './sequences.ts';
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
  const width = N * (complex ? 2 : 1);
  const given = before && values(before);
  const all = sequences(call);
  const final = inputs['state'] ? given! : new Float64Array(all.length * D * width);
  const y = new Float64Array(B * L * D);

  for (const { index, row, first, length, slot } of all) {
    if (slot < 0) continue;
    for (let d = 0; d < D; d++) {
      const group = Math.floor(d / (D / G));
      const start = (slot * D + d) * width;
      const h = given ? given.slice(start, start + width) : new Float64Array(width);
      for (let step = 0; step < length; step++) {
        const t = first + (options['reverse'] ? length - 1 - step : step);
        const at = (row * L + t) * D + d;
        let dt = delta[at]! + (bias ? bias[d]! : 0);
        if (options['softplus']) dt = scalar.softplus(dt);
        const dtu = dt * u[at]!;
        let sum = 0;
        for (let n = 0; n < N; n++) {
          const b = inputMatrix.at(row, t, group, d, n);
          const c = outputMatrix.at(row, t, group, d, n);
          if (complex) {
            const [re, im] = cexp(dt * A[2 * (d * N + n)]!, dt * A[2 * (d * N + n) + 1]!);
            const [hr, hi] = [h[2 * n]!, h[2 * n + 1]!];
            h[2 * n] = re * hr - im * hi + dtu * inputMatrix.data[2 * b]!;
            h[2 * n + 1] = re * hi + im * hr + dtu * inputMatrix.data[2 * b + 1]!;
            sum +=
              2 * (h[2 * n]! * outputMatrix.data[2 * c]! - h[2 * n + 1]! * outputMatrix.data[2 * c + 1]!);
          } else {
            h[n] = Math.exp(dt * A[d * N + n]!) * h[n]! + dtu * inputMatrix.data[b]!;
            sum += h[n]! * outputMatrix.data[c]!;
          }
        }
        if (skip) sum += skip[d]! * u[at]!;
        y[at] = z ? sum * scalar.silu(z[at]!) : sum;
      }
      final.set(h, inputs['state'] ? start : (index * D + d) * width);
    }
  }
  store(outputs['y']!, y);
  const after = outputs['finalState'] ?? inputs['state'];
  if (after) store(after, final);
}

/** e^(re + i im) */
export function cexp(re: number, im: number): [number, number] {
  const size = Math.exp(re);
  return [size * Math.cos(im), size * Math.sin(im)];
}

/** B or C, constant (D, N) or varying (B, L, [G,] N), with the index of element n seen by channel d at (b, t). */
export function projection(
  call: BoundCall<Uint8Array>,
  name: 'B' | 'C',
): { data: Float64Array; at(b: number, t: number, g: number, d: number, n: number): number } {
  const arg = call.inputs[name]!;
  const { L, N } = call.sizes as { L: number; N: number };
  const data = values(arg);
  if (arg.shape.length === 2) return { data, at: (_b, _t, _g, d, n) => d * N + n };
  const groups = arg.shape.length === 4 ? arg.shape[2]! : 1;
  return { data, at: (b, t, g, _d, n) => ((b * L + t) * groups + (groups === 1 ? 0 : g)) * N + n };
}
