import type { FloatDType } from '@ss/core';
import type { Random } from '../random.ts';
import { fill } from '../values.ts';
import { makeCall } from './call.ts';
import type { Call } from './call.ts';

export interface LinearSpec {
  readonly dtype?: FloatDType;
  readonly weight?: FloatDType;
  /** leading axes of x */
  readonly rows?: readonly number[];
  readonly K?: number;
  readonly M?: number;
  readonly bias?: boolean;
  readonly residual?: boolean;
}

/** Products of numbers near 1, as the op's tolerance assumes. */
export function linearCall(spec: LinearSpec, random: Random): Call {
  const { dtype = 'f32', weight = dtype, rows = [2], K = 8, M = 8 } = spec;
  const normal = (): number => random.normal();
  return makeCall('linear', {
    x: fill([...rows, K], dtype, normal),
    weight: fill([M, K], weight, normal),
    bias: spec.bias && fill([M], weight, normal),
    residual: spec.residual && fill([...rows, M], dtype, normal),
  });
}

export interface NormSpec {
  readonly dtype?: FloatDType;
  readonly rows?: readonly number[];
  readonly K?: number;
  readonly weight?: boolean;
  /** dtype of the residual: x's, or f32 */
  readonly residual?: FloatDType | undefined;
  readonly gate?: boolean;
  readonly groups?: number;
  readonly eps?: number;
  /** size of the numbers in x */
  readonly scale?: number;
}

export function normCall(spec: NormSpec, random: Random): Call {
  const { dtype = 'f32', rows = [2], K = 8, residual, scale = 1 } = spec;
  const wide = dtype === 'f64' ? 'f64' : 'f32';
  const normal = (): number => random.normal();
  return makeCall(
    'rmsNorm',
    {
      x: fill([...rows, K], dtype, () => scale * random.normal()),
      weight: spec.weight && fill([K], wide, normal),
      residual: residual && fill([...rows, K], residual, normal),
      gate: spec.gate && fill([...rows, K], dtype, normal),
    },
    { eps: spec.eps, groups: spec.groups },
  );
}

export interface EmbeddingSpec {
  readonly dtype?: FloatDType;
  readonly weight?: FloatDType;
  readonly ids?: readonly number[];
  readonly V?: number;
  readonly K?: number;
}

export function embeddingCall(spec: EmbeddingSpec, random: Random): Call {
  const { weight = 'f32', ids = [2, 3], V = 17, K = 8 } = spec;
  return makeCall(
    'embedding',
    { ids: fill(ids, 'i32', () => random.below(V)), weight: fill([V, K], weight, () => random.normal()) },
    { dtype: spec.dtype },
  );
}
