import type { FloatDType } from '@ss/core';
import type { Random } from '../random.ts';
import { fill } from '../values.ts';
import { makeCall } from './call.ts';
import type { Call } from './call.ts';
import { offsets, slots } from './selective-scan.ts';

export interface ConvSpec {
  readonly dtype?: FloatDType;
  /** default: dtype of x */
  readonly weight?: FloatDType;
  readonly batch?: number;
  readonly L?: number;
  readonly dim?: number;
  readonly W?: number;
  readonly bias?: boolean;
  readonly silu?: boolean;
  readonly reverse?: boolean;
  readonly from?: 'zero' | 'initialState' | 'state';
  /** dtype of an in-place state: x's, or f32 */
  readonly state?: FloatDType;
  readonly finalState?: boolean;
  readonly packed?: readonly number[];
  readonly pool?: number;
}

/** A causal convolution with every argument that `spec` asks for. */
export function convCall(spec: ConvSpec, random: Random): Call {
  const { dtype = 'f32', dim = 4, W = 4, packed, pool, from = 'zero' } = spec;
  const batch = packed ? 1 : (spec.batch ?? 2);
  const L = packed ? packed.reduce((a, b) => a + b, 0) : (spec.L ?? 1);
  const sequences = packed ? packed.length : batch;
  const normal = (): number => random.normal();
  const stateShape = [pool ?? sequences, W - 1, dim];
  return makeCall(
    'causalConv1d',
    {
      x: fill([batch, L, dim], dtype, normal),
      ...weights(spec, random),
      initialState: from === 'initialState' && fill(stateShape, dtype, normal),
      state: from === 'state' && fill(stateShape, spec.state ?? dtype, normal),
      cuSeqlens: packed && offsets(packed),
      stateIndices: pool !== undefined && slots(sequences, pool),
    },
    {
      activation: spec.silu ? 'silu' : undefined,
      reverse: spec.reverse,
      finalState: spec.finalState !== false && from !== 'state',
    },
  );
}

/** One step of it. */
export function convUpdateCall(
  spec: Omit<ConvSpec, 'L' | 'reverse' | 'from' | 'finalState' | 'packed'>,
  random: Random,
): Call {
  const { dtype = 'f32', batch = 2, dim = 4, W = 4, pool } = spec;
  return makeCall(
    'causalConv1dUpdate',
    {
      x: fill([batch, dim], dtype, () => random.normal()),
      state: fill([pool ?? batch, W - 1, dim], spec.state ?? dtype, () => random.normal()),
      ...weights(spec, random),
      stateIndices: pool !== undefined && slots(batch, pool),
    },
    { activation: spec.silu ? 'silu' : undefined },
  );
}

function weights(
  { dtype = 'f32', weight = dtype, dim = 4, W = 4, bias }: ConvSpec,
  random: Random,
): Record<string, ReturnType<typeof fill> | false> {
  return {
    weight: fill([dim, W], weight, () => random.normal()),
    bias: bias === true && fill([dim], weight, () => random.normal()),
  };
}
