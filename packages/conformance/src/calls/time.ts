import type { Values } from '../values.ts';
import { mapInputs } from './call.ts';
import type { Call } from './call.ts';

/** Arguments of sequence ops that have a time axis, which is axis 1. B and C have one when they vary. */
const timed = ['u', 'delta', 'z', 'x', 'dy', 'B', 'C'];

export function isTimed(name: string, value: Values): boolean {
  return timed.includes(name) && value.shape.length >= 3;
}

/** The same call on other times: `map` takes every argument with a time axis. */
export function mapTime(call: Call, map: (value: Values) => Values): Call {
  return {
    ...call,
    inputs: mapInputs(call.inputs, (value, name) => (isTimed(name, value) ? map(value) : value)),
  };
}

/** Steps of a sequence op. */
export function lengthOf({ inputs }: Call): number {
  return (inputs['u'] ?? inputs['x'])!.shape[1]!;
}
