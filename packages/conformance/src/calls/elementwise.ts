import type { DType, FloatDType, OpName, Shape } from '@ss/core';
import type { Random } from '../random.ts';
import { cast, fill } from '../values.ts';
import { makeCall } from './call.ts';
import type { Call } from './call.ts';

/** A copy of numbers that the target dtype holds or rounds; `inPlace` into state. */
export function copyCall(
  { from, to, shape, inPlace = false }: { from: DType; to: DType; shape: Shape; inPlace?: boolean },
  random: Random,
): Call {
  const integers = !isReal(from) || !isReal(to);
  // Small integers are the same number in every dtype.
  const x = fill(shape, from, () => (integers ? random.below(100) : random.normal()));
  return makeCall(
    'copy',
    {
      x,
      to:
        inPlace &&
        cast(
          fill(shape, 'f64', () => 0),
          to,
        ),
    },
    { dtype: inPlace || from === to ? undefined : to },
  );
}

export function addCall(dtype: FloatDType, shape: Shape, random: Random): Call {
  return makeCall('add', {
    a: fill(shape, dtype, () => random.normal()),
    b: fill(shape, dtype, () => random.normal()),
  });
}

export function unaryCall(
  op: OpName & ('silu' | 'softplus'),
  dtype: FloatDType,
  shape: Shape,
  random: Random,
): Call {
  return makeCall(op, { x: fill(shape, dtype, () => 4 * random.normal()) });
}

function isReal(dtype: DType): boolean {
  return ['f64', 'f32', 'f16', 'bf16', 'complex64'].includes(dtype);
}
