import type { FloatDType } from '@ss/core';
import type { Random } from '../random.ts';
import { fill } from '../values.ts';
import type { Values } from '../values.ts';
import { makeCall } from './call.ts';
import type { Call } from './call.ts';

/** Distributions of A, delta and deltaBias. */
export type ScanData =
  /** of the official tests: A in (-0.5, 0), delta and its bias in (0, 0.5) */
  | 'official'
  /** a real Mamba initialisation: A = -1 ... -N, dt log-uniform in [0.001, 0.1] */
  | 'initial'
  /** the same with dt up to 5, as trained models have it */
  | 'trained'
  /** decays so slow that the state remembers ten thousand steps */
  | 'long-memory';

export interface ScanSpec {
  readonly dtype?: FloatDType;
  readonly batch?: number;
  readonly L?: number;
  readonly dim?: number;
  readonly N?: number;
  /** 0: B and C without a group axis */
  readonly groups?: number;
  readonly varB?: boolean;
  readonly varC?: boolean;
  readonly complex?: boolean;
  readonly D?: boolean;
  readonly z?: boolean;
  readonly bias?: boolean;
  readonly softplus?: boolean;
  readonly reverse?: boolean;
  /** where the state comes from; `state` is in place */
  readonly from?: 'zero' | 'initialState' | 'state';
  readonly finalState?: boolean;
  /** lengths of packed sequences; the batch is then 1 and L their sum */
  readonly packed?: readonly number[];
  /** rows of a pool of this size, named by stateIndices */
  readonly pool?: number;
  readonly data?: ScanData;
}

/** A selective scan with every argument that `spec` asks for. */
export function scanCall(spec: ScanSpec, random: Random): Call {
  const {
    dtype = 'f32',
    dim = 4,
    N = 8,
    groups = 0,
    varB = true,
    varC = true,
    complex = false,
    packed,
    pool,
  } = spec;
  const { from = 'zero', data = 'official', bias = false, softplus = false } = spec;
  const batch = packed ? 1 : (spec.batch ?? 2);
  const L = packed ? packed.reduce((a, b) => a + b, 0) : (spec.L ?? 1);
  const sequences = packed ? packed.length : batch;
  const wide = dtype === 'f64' ? 'f64' : 'f32';
  const weight = complex ? 'complex64' : wide;
  const normal = (): number => random.normal();
  const bld = [batch, L, dim];
  const projection = (varying: boolean): Values => {
    if (!varying) return fill([dim, N], weight, normal);
    return fill(groups === 0 ? [batch, L, N] : [batch, L, groups, N], complex ? 'complex64' : dtype, normal);
  };
  const { A, delta, deltaBias } = steps(data, random, { complex, N, bias, softplus });
  const state = from !== 'zero' && fill([pool ?? sequences, dim, N], weight, normal);
  return makeCall(
    'selectiveScan',
    {
      u: fill(bld, dtype, normal),
      delta: fill(bld, dtype, delta),
      A: fill([dim, N], weight, A),
      B: projection(varB),
      C: projection(varC),
      D: spec.D && fill([dim], wide, normal),
      z: spec.z && fill(bld, dtype, normal),
      deltaBias: bias && fill([dim], wide, deltaBias),
      initialState: from === 'initialState' && state,
      state: from === 'state' && state,
      cuSeqlens: packed && offsets(packed),
      stateIndices: pool !== undefined && slots(sequences, pool),
    },
    { softplus, reverse: spec.reverse, finalState: spec.finalState !== false && from !== 'state' },
  );
}

type Next = (index: number) => number;

function steps(
  data: ScanData,
  random: Random,
  { complex, N, bias, softplus }: { complex: boolean; N: number; bias: boolean; softplus: boolean },
): { A: Next; delta: Next; deltaBias: Next } {
  const parts = complex ? 2 : 1;
  const decay = (real: Next): Next => (complex ? (i) => (i % 2 === 0 ? real(i / 2) : random.normal()) : real);
  if (data === 'official') {
    return {
      A: decay(() => -0.5 * random.uniform()),
      delta: () => 0.5 * random.uniform(),
      deltaBias: () => 0.5 * random.uniform(),
    };
  }
  const A: Next = data === 'long-memory' ? () => -random.logUniform(1e-5, 1e-2) : (i) => -1 - (i % N);
  const dt = (): number => random.logUniform(1e-3, data === 'trained' ? 5 : 0.1);
  // What softplus takes to dt: log(e^dt - 1).
  const raw = (): number => (softplus ? Math.log(Math.expm1(dt())) : dt());
  return {
    A: decay((i) => A(complex ? i : i / parts)),
    delta: bias ? () => 0.1 * Math.abs(random.normal()) : raw,
    deltaBias: raw,
  };
}

/** Where packed sequences of these lengths begin, and where the last ends. */
export function offsets(lengths: readonly number[]): Values {
  const data = [0];
  for (const length of lengths) data.push(data.at(-1)! + length);
  return fill([data.length], 'i32', (i) => data[i]!);
}

/** Rows of a pool in an order of their own; the second sequence is padding when there are more than two. */
export function slots(sequences: number, pool: number): Values {
  return fill([sequences], 'i32', (i) => (i === 1 && sequences > 2 ? -1 : pool - 1 - i));
}
