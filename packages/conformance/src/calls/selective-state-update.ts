import type { FloatDType } from '@ss/core';
import type { Random } from '../random.ts';
import { fill } from '../values.ts';
import { makeCall } from './call.ts';
import type { Call } from './call.ts';
import { slots } from './selective-scan.ts';

export interface UpdateSpec {
  readonly dtype?: FloatDType;
  readonly batch?: number;
  /** (D), or (H, P) with heads */
  readonly channels?: readonly [number] | readonly [number, number];
  readonly N?: number;
  /** 0: B and C without a group axis */
  readonly groups?: number;
  readonly D?: boolean;
  readonly z?: boolean;
  readonly bias?: boolean;
  readonly softplus?: boolean;
  /** A, dt and dtBias shared by the channels of a head, as views of stride 0 */
  readonly tied?: boolean;
  readonly pool?: number;
}

/** One step with data as in the official tests: dtBias in (-4, -3), A in (-2, -1). */
export function updateCall(spec: UpdateSpec, random: Random): Call {
  const {
    dtype = 'f32',
    batch = 2,
    channels = [8],
    N = 16,
    groups = 0,
    bias = true,
    tied = false,
    pool,
  } = spec;
  const wide = dtype === 'f64' ? 'f64' : 'f32';
  const normal = (): number => random.normal();
  const projection = groups === 0 ? [batch, N] : [batch, groups, N];
  const [heads = 1, inner = 1] = channels;
  // The tied ones are the same for every P.
  const perHead = new Map<number, number>();
  const shared = (index: number, draw: () => number): number => {
    if (!tied) return draw();
    if (!perHead.has(index)) perHead.set(index, draw());
    return perHead.get(index)!;
  };
  const fresh = (make: (index: number) => number): ((index: number) => number) => {
    perHead.clear();
    return make;
  };
  const dt = fill(
    [batch, ...channels],
    dtype,
    fresh((i) => shared(Math.floor(i / inner), () => random.normal())),
  );
  const A = fill(
    [...channels, N],
    wide,
    fresh((i) => shared(Math.floor(i / (inner * N)), () => -1 - random.uniform())),
  );
  const dtBias =
    bias &&
    fill(
      [...channels],
      wide,
      fresh((i) => shared(Math.floor(i / inner) % heads, () => random.uniform() - 4)),
    );
  return makeCall(
    'selectiveStateUpdate',
    {
      state: fill([pool ?? batch, ...channels, N], wide, normal),
      x: fill([batch, ...channels], dtype, normal),
      dt,
      A,
      B: fill(projection, dtype, normal),
      C: fill(projection, dtype, normal),
      D: spec.D && fill([...channels], wide, normal),
      z: spec.z && fill([batch, ...channels], dtype, normal),
      dtBias,
      stateIndices: pool !== undefined && slots(batch, pool),
    },
    { softplus: spec.softplus },
  );
}
