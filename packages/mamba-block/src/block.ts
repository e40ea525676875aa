import { printsItself } from '@ss/core';
import type { Engine, FloatTensor, Tensor } from '@ss/core';
import type { MambaConfig } from './config.ts';
import type { Layer } from './layer.ts';
import { MambaMixer } from './mixer.ts';
import type { BlockWeights } from './parameters.ts';
import type { MixerState } from './state.ts';

/** A layer of a Mamba model: x + mixer(norm(x)) (`Block` of the official package). */
export class MambaBlock implements Layer<MixerState> {
  readonly engine: Engine;
  readonly config: MambaConfig;
  readonly mixer: MambaMixer;
  /** (K) weight of the norm */
  readonly norm: Tensor;

  static {
    printsItself(this, 'MambaBlock');
  }

  /** Takes over the weights: they are freed with the block. */
  constructor(engine: Engine, config: MambaConfig, { norm, ...mixer }: BlockWeights) {
    this.engine = engine;
    this.config = config;
    this.norm = norm;
    this.mixer = new MambaMixer(engine, config, mixer);
  }

  forward(x: Tensor, state?: MixerState, cuSeqlens?: Tensor): FloatTensor {
    using normed = this.#normalise(x);
    return this.mixer.forward(normed.y, { state, residual: x, cuSeqlens });
  }

  step(x: Tensor, state: MixerState): FloatTensor {
    using normed = this.#normalise(x);
    return this.mixer.step(normed.y, { state, residual: x });
  }

  toString(): string {
    return String(this.mixer);
  }

  createState(batch = 1): MixerState {
    return this.mixer.createState(batch);
  }

  dispose(): void {
    this.norm.dispose();
    this.mixer.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #normalise(x: Tensor): ReturnType<Engine['rmsNorm']> {
    return this.engine.rmsNorm({ x, weight: this.norm, eps: this.config.normEps });
  }
}
