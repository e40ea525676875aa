import type { BoundCall } from '../backend.ts';
import { scalar } from './scalar.ts';
import { sequences } from './sequences.ts';
import { store, values } from './values.ts';

/**
 * One step of the recurrence of `selective-scan.ts`. Heads (H, P) are H * P channels in a row, so channel c
 * reads group floor(c / (channels / G)) with heads and without.
 */
export function selectiveStateUpdate(call: BoundCall<Uint8Array>): void {
  const { inputs, outputs, options, sizes } = call;
  const { B, N, G } = sizes as { B: number; N: number; G: number };
  const channels = sizes['D'] ?? sizes['H']! * sizes['P']!;
  const h = values(inputs['state']!);
  const x = values(inputs['x']!);
  const step = values(inputs['dt']!);
  const A = values(inputs['A']!);
  const inputMatrix = values(inputs['B']!);
  const outputMatrix = values(inputs['C']!);
  // B and C choose their groups each for itself: (B, N) is one group.
  const groupsOf = (name: 'B' | 'C'): number => (inputs[name]!.shape.length === 3 ? G : 1);
  const groups = { B: groupsOf('B'), C: groupsOf('C') };
  const skip = inputs['D'] && values(inputs['D']);
  const z = inputs['z'] && values(inputs['z']);
  const bias = inputs['dtBias'] && values(inputs['dtBias']);
  const y = new Float64Array(B * channels);

  for (const { row: b, slot } of sequences(call)) {
    if (slot < 0) continue;
    for (let c = 0; c < channels; c++) {
      const at = b * channels + c;
      let dt = step[at]! + (bias ? bias[c]! : 0);
      if (options['softplus']) dt = scalar.softplus(dt);
      const bRow = (b * groups.B + Math.floor(c / (channels / groups.B))) * N;
      const cRow = (b * groups.C + Math.floor(c / (channels / groups.C))) * N;
      const dtx = dt * x[at]!;
      let sum = 0;
      for (let n = 0; n < N; n++) {
        const state = (slot * channels + c) * N + n;
        h[state] = Math.exp(dt * A[c * N + n]!) * h[state]! + dtx * inputMatrix[bRow + n]!;
        sum += h[state]! * outputMatrix[cRow + n]!;
      }
      if (skip) sum += skip[c]! * x[at]!;
      y[at] = z ? sum * scalar.silu(z[at]!) : sum;
    }
  }
  store(outputs['y']!, y);
  store(inputs['state']!, h);
}
