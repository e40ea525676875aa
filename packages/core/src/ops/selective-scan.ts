import type { DType, FloatDType } from '../dtype.ts';
import type { Tensor, WideOf } from '../tensor.ts';
import { channelsLast, Checker, dense } from './check.ts';
import type { OpDefinition } from './op.ts';
import { flag } from './option.ts';
import { checkSequences, sequenceInputs } from './sequences.ts';
import type { SequenceArgs } from './sequences.ts';
import { scanTolerance } from './tolerance.ts';

/**
 * The selective scan of Mamba (Gu & Dao 2023, section 3.3 and Algorithm 2; `selective_scan_fn` of the
 * official package, with time-major shapes). Per batch b and channel d, with h a vector of N states:
 *
 *     dt = delta + deltaBias;  dt = softplus(dt) if softplus
 *     h  = exp(dt * A) * h + dt * B * u
 *     y  = sum_n C * h  (complex A: 2 * Re of it)  + D * u,  then  y = y * silu(z)
 *
 * What is absent is no term: without D there is no D u, whatever u is. An initial state that is absent is a state of zeros.
 * Infinite numbers give what the formulas give; exp(dt A) of dt = 0 and an infinite A is NaN.
 *
 * Channel d reads group floor(d / (D / G)) of B and C. Other layouts are views: a (B, D, L) tensor is
 * `t.permute(0, 2, 1)`.
 */
export interface SelectiveScanArgs extends SequenceArgs {
  /** (B, L, D) input; its dtype is that of y */
  readonly u: Tensor;
  /** (B, L, D) time step before bias and softplus; dtype of u */
  readonly delta: Tensor;
  /** (D, N) f32 or f64, or complex64 */
  readonly A: Tensor;
  /** constant (D, N) with A's dtype; or varying (B, L, N) or (B, L, G, N) with u's dtype, complex64 for complex A */
  readonly B: Tensor;
  /** as B */
  readonly C: Tensor;
  /** (D) skip connection */
  readonly D?: Tensor | undefined;
  /** (B, L, D) gate: y is multiplied by silu(z), after the skip; dtype of u */
  readonly z?: Tensor | undefined;
  /** (D) */
  readonly deltaBias?: Tensor | undefined;
  /** (B, D, N), (S, D, N) when packed: state before the first step, zero when absent; f32 (f64), or complex64 for complex A */
  readonly initialState?: Tensor | undefined;
  /** (B, D, N) from `engine.state()`: read as the initial state and overwritten with the final one */
  readonly state?: Tensor | undefined;
  /** dt = log(1 + exp(dt)); default false */
  readonly softplus?: boolean | undefined;
  /** also return the state after the last step; default false */
  readonly finalState?: boolean | undefined;
  /** run from the last step to the first; default false */
  readonly reverse?: boolean | undefined;
}

/** The dtype of a state, by that of A and that of u. */
export type StateDType<A extends DType, U extends DType> = A extends 'complex64' ? 'complex64' : WideOf<U>;

export interface SelectiveScanResult<
  Final extends boolean | undefined,
  U extends FloatDType = FloatDType,
  S extends FloatDType | 'complex64' = FloatDType | 'complex64',
> extends Disposable {
  /** (B, L, D) in u's dtype */
  readonly y: Tensor<U>;
  /** (B, D, N) f32 (f64 for f64 input, complex64 for complex A), memory (B, N, D) */
  readonly finalState: Final extends true ? Tensor<S> : undefined;
}

export const selectiveScan: OpDefinition = {
  name: 'selectiveScan',
  required: ['u', 'delta', 'A', 'B', 'C'],
  optional: ['D', 'z', 'deltaBias', 'initialState', 'state', ...sequenceInputs],
  options: { softplus: flag, finalState: flag, reverse: flag },
  gradient: {
    op: 'selectiveScanBackward',
    cotangents: {
      u: 'du',
      delta: 'ddelta',
      A: 'dA',
      B: 'dB',
      C: 'dC',
      D: 'dD',
      z: 'dz',
      deltaBias: 'ddeltaBias',
      initialState: 'dinitialState',
    },
  },

  infer(inputs, options, op = 'selectiveScan') {
    const check = new Checker(op, inputs);
    const u = check.shape('u', ['B', 'L', 'D'])!;
    check.float('u', 'D', 'deltaBias');
    for (const name of ['delta', 'z']) check.shape(name, ['B', 'L', 'D']);
    check.sameDType('u', 'delta', 'z');
    const A = check.shape('A', ['D', 'N'])!;
    check.dtype('A', ['f32', 'f64', 'complex64']);
    const complex = A.dtype === 'complex64';
    for (const name of ['B', 'C']) {
      const pattern = check.oneOf(name, ['D', 'N'], ['B', 'L', 'N'], ['B', 'L', 'G', 'N'])!;
      if (complex) check.dtype(name, ['complex64']);
      else check.sameDType(pattern.length === 2 ? 'A' : 'u', name);
    }
    check.positive('B', 'L', 'D', 'N');
    check.sizes['G'] ??= 1;
    check.groups('D', 'G');
    check.shape('D', ['D']);
    check.shape('deltaBias', ['D']);
    const stateDType = complex ? 'complex64' : u.dtype === 'f64' ? 'f64' : 'f32';
    const { rows, slots } = checkSequences(check, inputs);
    for (const name of ['initialState', 'state']) {
      check.shape(name, [slots, 'D', 'N']);
      check.dtype(name, [stateDType]);
    }
    if (inputs['state'] && (inputs['initialState'] || options['finalState'])) {
      throw check.error(
        'argument-invalid',
        'state already is the initial and the final state; give it alone.',
      );
    }
    const { B, L, D, N } = check.sizes as { B: number; L: number; D: number; N: number };
    return {
      outputs: {
        y: dense(u.dtype, [B, L, D]),
        ...((options['finalState'] as boolean) && {
          finalState: channelsLast(stateDType, [check.sizes[rows]!, D, N]),
        }),
      },
      inout: inputs['state'] ? ['state'] : [],
      sizes: check.sizes,
    };
  },

  tolerance: scanTolerance,

  example(dtype, shape) {
    const [B = 1, L = 1, D = 1] = shape;
    const wide = dtype === 'f64' ? 'f64' : 'f32';
    const bld = dense(dtype, [B, L, D]);
    const bln = dense(dtype, [B, L, 16]);
    return {
      inputs: { u: bld, delta: bld, A: dense(wide, [D, 16]), B: bln, C: bln },
      options: { softplus: true },
    };
  },
};
