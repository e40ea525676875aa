import { disposeState } from '@ss/mamba-block';
import type { LayerState } from '@ss/mamba-block';
import { failure } from '../errors.ts';
import type { Network } from '../network.ts';
import { prefill } from '../session/prefill.ts';
import { Decoder } from './decoder.ts';
import type { Sampling } from './options.ts';

/** Several texts that advance together: states with a row for each, and the step that runs them. */
export class Batch implements Disposable {
  readonly #network: Network;
  readonly #states: readonly LayerState[];
  readonly #siblings: Set<Disposable>;
  #decoder: Decoder | undefined;
  #disposed = false;

  /** @param states freed with the batch @param siblings what lives on the model: this is among them */
  constructor(network: Network, states: readonly LayerState[], siblings: Set<Disposable>) {
    this.#network = network;
    this.#states = states;
    this.#siblings = siblings.add(this);
  }

  /** Runs all tokens of every text but its newest, packed into one row, and records the step. */
  async start(
    texts: readonly (readonly number[])[],
    sampling: Sampling,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const waiting = texts.map((tokens) => tokens.slice(0, -1));
    const offsets = [0];
    for (const { length } of waiting) offsets.push(offsets.at(-1)! + length);
    const { chunk } = sampling;
    await prefill(this.#network, this.#states, waiting.flat(), { signal, chunk, offsets }, () =>
      this.requireOpen(),
    );
    this.requireOpen();
    const newest = texts.map((tokens) => tokens.at(-1)!);
    this.#decoder = new Decoder(this.#network, this.#states, newest, sampling);
    await this.#decoder.prepare(signal);
  }

  /** @throws SsError `session-disposed` when the model was freed */
  get decoder(): Decoder {
    this.requireOpen();
    return this.#decoder!;
  }

  requireOpen(): void {
    if (this.#disposed) throw failure('session-disposed', 'The texts were freed with their model.');
  }

  [Symbol.dispose](): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#decoder?.[Symbol.dispose]();
    this.#states.forEach(disposeState);
    this.#siblings.delete(this);
  }
}
