import { checkOptions, printsItself } from '@ss/core';
import type { Engine, FloatTensor, Tensor } from '@ss/core';
import type { MambaConfig } from './config.ts';
import type { MixerWeights } from './parameters.ts';
import { createMixerState } from './state.ts';
import type { MixerState } from './state.ts';

/**
 * The Mamba mixer (Gu & Dao 2023, figure 3; `Mamba` of the official package), without norm and residual:
 *
 *     x, z     = in_proj(input)
 *     x        = silu(conv(x))
 *     dt, B, C = x_proj(x)
 *     y        = scan(x, dt_proj(dt), A, B, C, D) * silu(z)
 *     output   = out_proj(y) + residual
 *
 * Everything between the projections is a view of their results.
 */
export class MambaMixer implements Disposable {
  readonly engine: Engine;
  readonly config: MambaConfig;
  readonly weights: MixerWeights;

  static {
    printsItself(this, 'MambaMixer');
  }

  /** Takes over the weights: they are freed with the mixer. */
  constructor(engine: Engine, config: MambaConfig, weights: MixerWeights) {
    this.engine = engine;
    this.config = config;
    this.weights = weights;
  }

  /**
   * (B, L, K) to (B, L, K).
   * @param state read as what comes before the first step, and left as it is after the last
   * @param residual (B, L, K) added to the result
   * @param cuSeqlens (S + 1) i32: S sequences packed into one row (B = 1), each with a row of the state
   */
  forward(
    input: Tensor,
    options: {
      readonly state?: MixerState | undefined;
      readonly residual?: Tensor | undefined;
      readonly cuSeqlens?: Tensor | undefined;
    } = {},
  ): FloatTensor {
    checkOptions('forward()', options, { state: true, residual: true, cuSeqlens: true });
    const { state, residual, cuSeqlens } = options;
    const { engine, weights } = this;
    using xz = engine.linear({ x: input, weight: weights.inProj, bias: weights.inProjBias });
    using x = this.#channels(xz, 0);
    using z = this.#channels(xz, 1);
    using conv = engine.causalConv1d({
      x,
      weight: weights.conv,
      bias: weights.convBias,
      activation: 'silu',
      state: state?.conv,
      cuSeqlens,
    });
    using selection = this.#select(conv.y);
    const { delta, B, C } = selection;
    const { A, D, dtBias } = weights;
    using scan = engine.selectiveScan({
      u: conv.y,
      delta,
      A,
      B,
      C,
      D,
      z,
      deltaBias: dtBias,
      softplus: true,
      state: state?.ssm,
      cuSeqlens,
    });
    return engine.linear({ x: scan.y, weight: weights.outProj, bias: weights.outProjBias, residual });
  }

  /** (B, K) to (B, K): one step of {@link forward}, updating the state in place. */
  step(
    input: Tensor,
    options: { readonly state: MixerState; readonly residual?: Tensor | undefined },
  ): FloatTensor {
    checkOptions('step()', options, { state: true, residual: true });
    const { state, residual } = options;
    const { engine, weights } = this;
    using xz = engine.linear({ x: input, weight: weights.inProj, bias: weights.inProjBias });
    using x = this.#channels(xz, 0);
    using z = this.#channels(xz, 1);
    using u = engine.causalConv1dUpdate({
      x,
      state: state.conv,
      weight: weights.conv,
      bias: weights.convBias,
      activation: 'silu',
    });
    using selection = this.#select(u);
    const { delta, B, C } = selection;
    const { A, D, dtBias } = weights;
    using y = engine.selectiveStateUpdate({
      state: state.ssm,
      x: u,
      dt: delta,
      A,
      B,
      C,
      D,
      z,
      dtBias,
      softplus: true,
    });
    return engine.linear({ x: y, weight: weights.outProj, bias: weights.outProjBias, residual });
  }

  /** `width 768, 1536 channels, 16 states` */
  toString(): string {
    const { dModel, dInner, dState } = this.config;
    return `width ${dModel}, ${dInner} channels, ${dState} states`;
  }

  createState(batch = 1): MixerState {
    return createMixerState(this.engine, this.config, batch);
  }

  dispose(): void {
    for (const weight of Object.values(this.weights) as (Tensor | undefined)[]) weight?.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #channels(xz: FloatTensor, half: 0 | 1): FloatTensor {
    const { dInner } = this.config;
    return xz.slice(-1, half * dInner, (half + 1) * dInner);
  }

  /** What the input selects: the time step before bias and softplus (..., D), B and C (..., N). */
  #select(u: Tensor): { delta: FloatTensor; B: FloatTensor; C: FloatTensor } & Disposable {
    const { engine, weights } = this;
    const { dtRank, dState, selectionNormEps } = this.config;
    using dbc = engine.linear({ x: u, weight: weights.xProj });
    const part = (from: number, length: number): FloatTensor => {
      const view = dbc.slice(-1, from, from + length);
      if (selectionNormEps === undefined) return view;
      using _ = view;
      return engine.rmsNorm({ x: view, eps: selectionNormEps }).y;
    };
    using dt = part(0, dtRank);
    const B = part(dtRank, dState);
    const C = part(dtRank + dState, dState);
    const delta = engine.linear({ x: dt, weight: weights.dtProj });
    const dispose = (): void => {
      for (const tensor of [delta, B, C]) tensor.dispose();
    };
    return { delta, B, C, [Symbol.dispose]: dispose };
  }
}
