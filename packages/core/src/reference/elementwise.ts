import type { BoundCall } from '../backend.ts';
import { scalar } from './scalar.ts';
import { store, values } from './values.ts';

/** y = a + b. */
export function add({ inputs, outputs }: BoundCall<Uint8Array>): void {
  const y = values(inputs['a']!);
  const b = values(inputs['b']!);
  for (let i = 0; i < y.length; i++) y[i]! += b[i]!;
  store(outputs['y']!, y);
}

/** y = x sigmoid(x). */
export function silu({ inputs, outputs }: BoundCall<Uint8Array>): void {
  store(outputs['y']!, values(inputs['x']!).map(scalar.silu));
}

/** y = log(1 + exp(x)). */
export function softplus({ inputs, outputs }: BoundCall<Uint8Array>): void {
  store(outputs['y']!, values(inputs['x']!).map(scalar.softplus));
}
