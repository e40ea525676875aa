import type { BoundCall } from '../backend.ts';
import { scalar } from './scalar.ts';
import { store, values } from './values.ts';

/** y = x / sqrt(mean(x^2) + eps) * weight over each group of the last axis, after residual and gate. */
export function rmsNorm({ inputs, outputs, options, sizes }: BoundCall<Uint8Array>): void {
  const { R, K, G } = sizes as { R: number; K: number; G: number };
  const eps = options['eps'] as number;
  const x = values(inputs['x']!);
  const weight = inputs['weight'] && values(inputs['weight']);
  if (inputs['residual']) {
    const residual = values(inputs['residual']);
    for (let i = 0; i < x.length; i++) x[i]! += residual[i]!;
    store(outputs['sum']!, x);
  }
  if (inputs['gate']) {
    const gate = values(inputs['gate']);
    for (let i = 0; i < x.length; i++) x[i]! *= scalar.silu(gate[i]!);
  }
  const width = K / G;
  for (let start = 0; start < R * K; start += width) {
    let squares = 0;
    for (let i = start; i < start + width; i++) squares += x[i]! * x[i]!;
    const scale = 1 / Math.sqrt(squares / width + eps);
    for (let i = start; i < start + width; i++) x[i]! *= scale * (weight ? weight[i % K]! : 1);
  }
  store(outputs['y']!, x);
}
