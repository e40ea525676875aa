import type { BoundCall, TensorArg } from '../backend.ts';
import { scalar } from './scalar.ts';
import { cexp, projection } from './selective-scan.ts';
import { sequences } from './sequences.ts';
import { store, values } from './values.ts';

/** Steps between stored states; memory per channel is (L / chunk + chunk) N, never L N. */
const chunk = 64;

/**
 * With dt = act(delta + bias), a_t = exp(dt_t A), s_t = sum_n C_t h_t + D u_t and y_t = s_t silu(z_t):
 *
 *     ds_t = dy_t silu(z_t)              dz_t = dy_t s_t silu'(z_t)
 *     g_t  = ds_t C_t + a_{t+1} g_{t+1}  (the cotangent of h_t; g_L = dfinalState enters at the last step)
 *     dC_t = ds_t h_t                    dD  = sum_t ds_t u_t
 *     dB_t = g_t dt_t u_t                dA  = sum_t g_t dt_t a_t h_{t-1}
 *     q_t  = sum_n g_t B_t               r_t = sum_n g_t a_t h_{t-1} A
 *     du_t = D ds_t + dt_t q_t           ddt_t = u_t q_t + r_t,  ddelta_t = ddt_t act'(delta_t + bias)
 *     dinitialState = a_0 g_0
 *
 * Going back in time needs h_{t-1}: states are stored at the start of every chunk on the way forward and
 * recomputed inside a chunk on the way back. h_{t-1} is never obtained by dividing by a_t, which underflows.
 * For complex A every factor that multiplies g is conjugated and real gradients take the real part; the
 * output counts each conjugate pair once, hence the factor 2 on C.
 */
export function selectiveScanBackward(call: BoundCall<Uint8Array>): void {
  const { inputs, outputs, options } = call;
  const { L, D, N, G } = call.sizes as { L: number; D: number; N: number; G: number };
  const optional = (arg: TensorArg<Uint8Array> | undefined): Float64Array | undefined => arg && values(arg);
  const u = values(inputs['u']!);
  const delta = values(inputs['delta']!);
  const dy = values(inputs['dy']!);
  const inputMatrix = projection(call, 'B');
  const outputMatrix = projection(call, 'C');
  const skip = optional(inputs['D']);
  const z = optional(inputs['z']);
  const bias = optional(inputs['deltaBias']);
  const initial = inputs['initialState'] && values(inputs['initialState']);
  const final = inputs['dfinalState'] && values(inputs['dfinalState']);
  const complex = inputs['A']!.dtype === 'complex64';
  const parts = complex ? 2 : 1;
  const pair = complex ? 2 : 1;
  const A = values(inputs['A']!);

  const d = {
    u: new Float64Array(u.length),
    delta: new Float64Array(u.length),
    z: new Float64Array(u.length),
    A: new Float64Array(A.length),
    B: new Float64Array(inputMatrix.data.length),
    C: new Float64Array(outputMatrix.data.length),
    D: new Float64Array(D),
    deltaBias: new Float64Array(D),
    initialState: new Float64Array(initial?.length ?? 0),
  };

  const boundaries = new Float64Array(Math.ceil(L / chunk) * N * parts);
  const inside = new Float64Array((chunk + 1) * N * parts);
  const width = N * parts;
  for (const { index, row: b, first: origin, length, slot } of sequences(call)) {
    if (slot < 0) continue;
    for (let c = 0; c < D; c++) {
      const group = Math.floor(c / (D / G));
      const time = (step: number): number => origin + (options['reverse'] ? length - 1 - step : step);
      const raw = (at: number): number => delta[at]! + (bias ? bias[c]! : 0);
      const step = (t: number, from: Float64Array, to: Float64Array): void => {
        const at = (b * L + t) * D + c;
        const dt = options['softplus'] ? scalar.softplus(raw(at)) : raw(at);
        for (let n = 0; n < N; n++) {
          const bAt = inputMatrix.at(b, t, group, c, n) * parts;
          const i = n * parts;
          const a = (c * N + n) * parts;
          if (complex) {
            const [re, im] = cexp(dt * A[a]!, dt * A[a + 1]!);
            const [hr, hi] = [from[i]!, from[i + 1]!];
            to[i] = re * hr - im * hi + dt * u[at]! * inputMatrix.data[bAt]!;
            to[i + 1] = re * hi + im * hr + dt * u[at]! * inputMatrix.data[bAt + 1]!;
          } else {
            to[i] = Math.exp(dt * A[a]!) * from[i]! + dt * u[at]! * inputMatrix.data[bAt]!;
          }
        }
      };

      const start = (slot * D + c) * width;
      const h = initial ? initial.slice(start, start + width) : new Float64Array(width);
      for (let s = 0; s < length; s++) {
        if (s % chunk === 0) boundaries.set(h, (s / chunk) * width);
        step(time(s), h, h);
      }

      const end = (index * D + c) * width;
      const g = final ? final.slice(end, end + width) : new Float64Array(width);
      for (let first = Math.floor((length - 1) / chunk) * chunk; first >= 0; first -= chunk) {
        const count = Math.min(chunk, length - first);
        inside.set(boundaries.subarray((first / chunk) * width, (first / chunk + 1) * width));
        for (let k = 0; k < count; k++) {
          step(
            time(first + k),
            inside.subarray(k * width, (k + 1) * width),
            inside.subarray((k + 1) * width, (k + 2) * width),
          );
        }
        for (let k = count - 1; k >= 0; k--) {
          const t = time(first + k);
          const at = (b * L + t) * D + c;
          const x = raw(at);
          const dt = options['softplus'] ? scalar.softplus(x) : x;
          const before = inside.subarray(k * width, (k + 1) * width);
          const after = inside.subarray((k + 1) * width, (k + 2) * width);
          const gate = z ? scalar.silu(z[at]!) : 1;
          const ds = dy[at]! * gate;
          let s = skip ? skip[c]! * u[at]! : 0;
          let q = 0;
          let r = 0;
          for (let n = 0; n < N; n++) {
            const i = n * parts;
            const a = (c * N + n) * parts;
            const bAt = inputMatrix.at(b, t, group, c, n) * parts;
            const cAt = outputMatrix.at(b, t, group, c, n) * parts;
            if (complex) {
              const [cr, ci] = [outputMatrix.data[cAt]!, outputMatrix.data[cAt + 1]!];
              const [br, bi] = [inputMatrix.data[bAt]!, inputMatrix.data[bAt + 1]!];
              const [ar, ai] = cexp(dt * A[a]!, dt * A[a + 1]!);
              const [hr, hi] = [after[i]!, after[i + 1]!];
              s += pair * (hr * cr - hi * ci);
              d.C[cAt]! += pair * ds * hr;
              d.C[cAt + 1]! -= pair * ds * hi;
              const gr = g[i]! + pair * ds * cr;
              const gi = g[i + 1]! - pair * ds * ci;
              const pr = ar * before[i]! - ai * before[i + 1]!;
              const pi = ar * before[i + 1]! + ai * before[i]!;
              d.A[a]! += dt * (gr * pr + gi * pi);
              d.A[a + 1]! += dt * (gi * pr - gr * pi);
              d.B[bAt]! += dt * u[at]! * gr;
              d.B[bAt + 1]! += dt * u[at]! * gi;
              q += gr * br + gi * bi;
              const [qr, qi] = [A[a]! * pr - A[a + 1]! * pi, A[a]! * pi + A[a + 1]! * pr];
              r += gr * qr + gi * qi;
              g[i] = ar * gr + ai * gi;
              g[i + 1] = ar * gi - ai * gr;
            } else {
              const decay = Math.exp(dt * A[a]!);
              const C = outputMatrix.data[cAt]!;
              const input = inputMatrix.data[bAt]!;
              s += after[i]! * C;
              d.C[cAt]! += ds * after[i]!;
              const gn = g[i]! + ds * C;
              const carried = decay * before[i]!;
              d.A[a]! += gn * dt * carried;
              d.B[bAt]! += gn * dt * u[at]!;
              q += gn * input;
              r += gn * carried * A[a]!;
              g[i] = decay * gn;
            }
          }
          if (z) d.z[at] = dy[at]! * s * scalar.siluSlope(z[at]!);
          d.D[c]! += ds * u[at]!;
          const ddt = u[at]! * q + r;
          d.u[at] = skip ? skip[c]! * ds + dt * q : dt * q;
          d.delta[at] = options['softplus'] ? ddt * scalar.sigmoid(x) : ddt;
          d.deltaBias[c]! += d.delta[at]!;
        }
      }
      if (initial) for (let i = 0; i < width; i++) d.initialState[start + i]! += g[i]!;
    }
  }
  for (const [name, gradient] of Object.entries(d)) {
    const output = outputs[`d${name}`];
    if (output) store(output, gradient);
  }
}
