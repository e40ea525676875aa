import { tensor } from '@ss/core';
import type { Engine, InputSpec, Program, Tensor } from '@ss/core';
import type { LayerState } from '@ss/mamba-block';
import { stepLayers } from '../network.ts';
import type { Network } from '../network.ts';
import type { Sampling } from './options.ts';

export interface Drawn {
  /** -1 where the logits are no distribution. */
  readonly id: number;
  readonly logProb: number;
}

type Inputs = { uniform: InputSpec; recent?: InputSpec };
interface Outputs {
  readonly ids: Tensor;
  readonly logProbs: Tensor;
}

const empty = -1;

/**
 * One step of one or more texts as one recorded program: embedding, layers, norm, head, sample. The tokens drawn
 * stay on the device as the next step's input; only their ids and log probabilities are read.
 */
export class Decoder implements Disposable {
  readonly #program: Program<Inputs, Outputs>;
  /** (B) i32: the tokens to run next */
  readonly #tokens: Tensor;
  readonly #window: number;
  readonly #engine: Engine;

  /** @param newest the last token of each text, which is not in the states yet */
  constructor(
    network: Network,
    states: readonly LayerState[],
    newest: readonly number[],
    sampling: Sampling,
  ) {
    const { engine, layers, config } = network;
    const { temperature, topK, topP, minP, repetitionPenalty } = sampling;
    this.#window = repetitionPenalty === 1 ? 0 : sampling.repetitionWindow;
    this.#engine = engine;
    const batch = newest.length;
    this.#tokens = engine.state([batch], 'i32');
    engine.assign(this.#tokens, tensor(Int32Array.from(newest)));
    const inputs: Inputs = {
      uniform: { dtype: 'f32', shape: [batch] },
      ...(this.#window > 0 && { recent: { dtype: 'i32', shape: [batch, this.#window] } }),
    };
    try {
      this.#program = engine.record(inputs, ({ uniform, recent }) => {
        using x = network.embed(this.#tokens);
        using hidden = stepLayers(layers, x, states);
        using normed = network.norm(hidden);
        using logits = network.head(normed);
        const { ids, logProbs } = engine.sample({
          logits,
          uniform,
          recentIds: recent,
          temperature,
          topK: Math.min(topK, config.rows),
          topP,
          minP,
          repetitionPenalty,
          vocabulary: config.vocabulary,
        });
        engine.assign(this.#tokens, ids);
        return { ids, logProbs };
      });
    } catch (error) {
      this.#tokens.dispose();
      throw error;
    }
  }

  async prepare(signal: AbortSignal | undefined): Promise<void> {
    await this.#program.prepare({ signal });
  }

  /**
   * Runs the waiting token of each text and draws the next. A text for which nothing can be drawn runs on with some
   * token, so that the others can.
   * @param texts all tokens so far, for the repetition penalty
   */
  async next(uniforms: readonly number[], texts: readonly (readonly number[])[]): Promise<Drawn[]> {
    const window = this.#window;
    const padded = texts.flatMap((tokens) => {
      const recent = tokens.slice(tokens.length - Math.min(window, tokens.length));
      return Array.from({ length: window }, (_, i) => recent[i] ?? empty);
    });
    const outputs = this.#program.run({
      uniform: tensor(uniforms),
      ...(window > 0 && { recent: tensor(Int32Array.from(padded), [texts.length, window]) }),
    });
    const [drawn, probabilities] = await Promise.all([outputs.ids.read(), outputs.logProbs.read()]);
    const ids = texts.map((_, i) => Number(drawn[i]));
    if (ids.some((id) => id < 0))
      this.#engine.assign(this.#tokens, tensor(Int32Array.from(ids, (id) => Math.max(id, 0))));
    return ids.map((id, i) => ({ id, logProb: Number(probabilities[i]) }));
  }

  [Symbol.dispose](): void {
    this.#program.dispose();
    this.#tokens.dispose();
  }
}
