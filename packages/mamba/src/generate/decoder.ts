import { tensor } from '@ss/core';
import type { InputSpec, Program, Tensor } from '@ss/core';
import { stepLayers } from '../network.ts';
import type { Network } from '../network.ts';
import type { Session } from '../session/session.ts';
import type { Sampling } from './options.ts';

export interface Drawn {
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
 * One step as one recorded program: embedding, layers, norm, head, sample. The token drawn stays on the
 * device as the next step's input; only its id and its log probability are read.
 */
export class Decoder implements Disposable {
  readonly #program: Program<Inputs, Outputs>;
  /** (1) i32: the token to run next */
  readonly #token: Tensor;
  readonly #window: number;

  constructor(network: Network, session: Session, sampling: Sampling) {
    const { engine, layers, config } = network;
    const { temperature, topK, topP, minP, repetitionPenalty } = sampling;
    this.#window = repetitionPenalty === 1 ? 0 : sampling.repetitionWindow;
    this.#token = engine.state([1], 'i32');
    engine.assign(this.#token, tensor(Int32Array.of(session.tokens.at(-1)!)));
    const inputs: Inputs = {
      uniform: { dtype: 'f32', shape: [1] },
      ...(this.#window > 0 && { recent: { dtype: 'i32', shape: [1, this.#window] } }),
    };
    try {
      this.#program = engine.record(inputs, ({ uniform, recent }) => {
        using x = network.embed(this.#token);
        using hidden = stepLayers(layers, x, session.states);
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
        engine.assign(this.#token, ids);
        return { ids, logProbs };
      });
    } catch (error) {
      this.#token.dispose();
      throw error;
    }
  }

  async prepare(signal: AbortSignal | undefined): Promise<void> {
    await this.#program.prepare({ signal });
  }

  /** Runs the waiting token and draws the next. @param tokens the text so far, for the repetition penalty */
  async next(uniform: number, tokens: readonly number[]): Promise<Drawn> {
    const recent = tokens.slice(tokens.length - Math.min(this.#window, tokens.length));
    const padded = Int32Array.from({ length: this.#window }, (_, i) => recent[i] ?? empty);
    const { ids, logProbs } = this.#program.run({
      uniform: tensor([uniform]),
      ...(this.#window > 0 && { recent: tensor(padded, [1, this.#window]) }),
    });
    const [id, logProb] = await Promise.all([ids.read(), logProbs.read()]);
    return { id: Number(id[0]), logProb: Number(logProb[0]) };
  }

  [Symbol.dispose](): void {
    this.#program.dispose();
    this.#token.dispose();
  }
}
