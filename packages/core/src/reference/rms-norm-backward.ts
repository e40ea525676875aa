import type { BoundCall } from '../backend.ts';
import { scalar } from './scalar.ts';
import { store, values } from './values.ts';

/**
 * Over each group of n elements, with v = (x + residual) silu(gate), r = 1 / sqrt(mean(v^2) + eps) and
 * y = v r w:  dw = sum over rows of dy v r,  dv = r (dy w - v r^2 mean(dy w v)).
 */
export function rmsNormBackward({ inputs, outputs, options, sizes }: BoundCall<Uint8Array>): void {
  const { R, K, G } = sizes as { R: number; K: number; G: number };
  const eps = options['eps'] as number;
  const x = values(inputs['x']!);
  const dy = values(inputs['dy']!);
  const weight = inputs['weight'] && values(inputs['weight']);
  const residual = inputs['residual'] && values(inputs['residual']);
  const gate = inputs['gate'] && values(inputs['gate']);
  const dsum = inputs['dsum'] && values(inputs['dsum']);
  const dx = new Float64Array(x.length);
  const dgate = new Float64Array(x.length);
  const dweight = new Float64Array(K);
  const n = K / G;

  for (let start = 0; start < R * K; start += n) {
    const sum = (i: number): number => x[i]! + (residual ? residual[i]! : 0);
    const v = (i: number): number => sum(i) * (gate ? scalar.silu(gate[i]!) : 1);
    const w = (i: number): number => (weight ? weight[i % K]! : 1);
    let squares = 0;
    let dot = 0;
    for (let i = start; i < start + n; i++) {
      squares += v(i) ** 2;
      dot += dy[i]! * w(i) * v(i);
    }
    const scale = 1 / Math.sqrt(squares / n + eps);
    for (let i = start; i < start + n; i++) {
      const dv = scale * (dy[i]! * w(i) - (v(i) * scale ** 2 * dot) / n);
      dweight[i % K]! += dy[i]! * v(i) * scale;
      dx[i] = dv * (gate ? scalar.silu(gate[i]!) : 1) + (dsum ? dsum[i]! : 0);
      if (gate) dgate[i] = dv * sum(i) * scalar.siluSlope(gate[i]!);
    }
  }
  store(outputs['dx']!, dx);
  if (outputs['dweight']) store(outputs['dweight'], dweight);
  if (outputs['dresidual']) store(outputs['dresidual'], dx);
  if (outputs['dgate']) store(outputs['dgate'], dgate);
}
