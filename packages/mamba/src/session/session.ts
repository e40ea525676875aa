import { checkOptions, printsItself, tensor } from '@ss/core';
import type { OptionNames, SsError } from '@ss/core';
import { assignState, clearState, cloneState, disposeState } from '@ss/mamba-block';
import type { LayerState } from '@ss/mamba-block';
import { failure } from '../errors.ts';
import { noDistribution } from '../generate/no-distribution.ts';
import { checkChunk } from '../generate/options.ts';
import { pause } from '../generate/pause.ts';
import { stepLayers } from '../network.ts';
import type { Network, Prompt } from '../network.ts';
import { prefill } from './prefill.ts';
import { writeSession } from './session-file.ts';

export interface AdvanceOptions {
  readonly signal?: AbortSignal | undefined;
  /** Tokens that are run at once; default 256. */
  readonly chunk?: number | undefined;
}

const advanceOptions: OptionNames<AdvanceOptions> = { signal: true, chunk: true };

/** @throws SsError `argument-unknown`, `argument-invalid` */
export function checkAdvanceOptions(where: string, options: AdvanceOptions): void {
  checkOptions(where, options, advanceOptions);
}

/** Where a session may go back to without running tokens again. */
interface Mark {
  readonly absorbed: number;
  readonly states: readonly LayerState[];
}

/**
 * A text and the state of every layer after it, as a value: clone it, save it, go back in it.
 *
 * The newest token usually waits outside the state until something follows, because running it is what gives
 * the logits of the next one.
 */
export class Session implements Disposable {
  readonly #network: Network;
  readonly #states: readonly LayerState[];
  readonly #siblings: Set<Disposable>;
  readonly #held = new Set<Disposable>();
  #marks: Mark[] = [];
  #tokens: number[] = [];
  /** How many of the tokens are in the state. */
  #absorbed = 0;
  #busy = false;
  #disposed = false;

  static {
    printsItself(this, 'Session');
  }

  /**
   * @internal Made by `model.session()` and `model.restore()`.
   * @param states freed with the session
   * @param siblings what lives on the model: this one is among them for as long as it lives
   */
  constructor(network: Network, states: readonly LayerState[], siblings: Set<Disposable>) {
    this.#network = network;
    this.#states = states;
    this.#siblings = siblings.add(this);
  }

  /** Every token so far, in order. */
  get tokens(): readonly number[] {
    return this.#tokens;
  }

  get disposed(): boolean {
    return this.#disposed;
  }

  /**
   * Takes in a text or ids. An abort leaves a session that stands after a part of them and goes on from there.
   * @throws SsError `aborted`, `session-busy`, `token-invalid`, `tokenizer-missing`
   */
  async prefill(prompt: Prompt, options: AdvanceOptions = {}): Promise<void> {
    checkAdvanceOptions('prefill()', options);
    const tokens = this.#network.encode(prompt, { continued: this.#tokens.length > 0 });
    const chunk = checkChunk(options.chunk);
    using _ = this.lock();
    this.append(tokens);
    await this.catchUp({ ...options, chunk });
  }

  /**
   * Logits (rows) after the newest token.
   * @throws SsError `prompt-empty`, `aborted`, `session-busy`, `numerics-invalid`
   */
  async logits(options: AdvanceOptions = {}): Promise<Float32Array> {
    checkAdvanceOptions('logits()', options);
    const chunk = checkChunk(options.chunk);
    using _ = this.lock();
    this.#leaveNewest();
    await this.catchUp({ ...options, chunk });
    const { engine, layers } = this.#network;
    using result = engine.scope(() => {
      const x = this.#network.embed(tensor(Int32Array.of(this.#tokens.at(-1)!)));
      return this.#network.head(this.#network.norm(stepLayers(layers, x, this.#states)));
    });
    this.#absorbed = this.#tokens.length;
    const logits = (await result.read()) as Float32Array;
    // What rows after the vocabulary hold is padding.
    const largest = logits
      .subarray(0, this.#network.config.vocabulary)
      .reduce((a, b) => Math.max(a, b), -Infinity);
    if (!Number.isFinite(largest)) throw noDistribution(`after token ${this.#tokens.length}`);
    // A loop over steps is as long as a generation.
    await pause();
    return logits;
  }

  /** Takes in one token. @returns logits (rows) after it */
  async step(token: number): Promise<Float32Array> {
    const tokens = this.#network.encode([token]);
    this.#requireIdle();
    this.append(tokens);
    return this.logits();
  }

  /** The same text and state with a life of its own. */
  clone(): Session {
    this.#requireIdle();
    const { engine } = this.#network;
    const states = this.#states.map((state) => cloneState(engine, state));
    const copy = new Session(this.#network, states, this.#siblings);
    copy.resume(this.#tokens, this.#absorbed);
    return copy;
  }

  /** Keeps a copy of the state, so that rewinding to here or beyond is cheap. @returns `tokens.length` */
  mark(): number {
    this.#requireIdle();
    if (!this.#marks.some(({ absorbed }) => absorbed === this.#absorbed)) {
      const { engine } = this.#network;
      this.#marks.push({
        absorbed: this.#absorbed,
        states: this.#states.map((state) => cloneState(engine, state)),
      });
    }
    return this.#tokens.length;
  }

  /**
   * Goes back to when there were `length` tokens. Tokens after the nearest mark before it (or the beginning)
   * are run again when something follows.
   * @throws SsError `session-boundary`
   */
  rewind(length: number): void {
    this.#requireIdle();
    if (!Number.isSafeInteger(length) || length < 0 || length > this.#tokens.length) {
      throw failure(
        'session-boundary',
        `The session has ${this.#tokens.length} tokens and cannot rewind to ${length}.`,
      );
    }
    this.#tokens.length = length;
    for (const { states } of this.#marks.filter((mark) => mark.absorbed > length))
      states.forEach(disposeState);
    this.#marks = this.#marks.filter((mark) => mark.absorbed <= length);
    if (length < this.#absorbed) this.#goBack(length);
  }

  /** As a safetensors file in f32, with the tokens and the model's fingerprint. `model.restore()` reads it. */
  async save(): Promise<Uint8Array<ArrayBuffer>> {
    using _ = this.lock();
    return await writeSession(this.#network.fingerprint, this.#states, this.#tokens, this.#absorbed);
  }

  /** `12 tokens on cpu` */
  toString(): string {
    return `${this.#tokens.length} tokens on ${this.#network.engine.id}${this.#disposed ? ', disposed' : ''}`;
  }

  /** Frees the state. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const held of this.#held) held[Symbol.dispose]();
    for (const states of [this.#states, ...this.#marks.map((mark) => mark.states)])
      states.forEach(disposeState);
    this.#siblings.delete(this);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** @internal */
  get states(): readonly LayerState[] {
    return this.#states;
  }

  /** @internal Until it is disposed, nothing else may advance the session. */
  lock(): Disposable {
    this.#requireIdle();
    this.#busy = true;
    return { [Symbol.dispose]: () => void (this.#busy = false) };
  }

  /** @internal Frees `resource` with the session, or when the result is disposed. */
  hold(resource: Disposable): Disposable {
    this.#held.add(resource);
    return {
      [Symbol.dispose]: () => {
        if (this.#held.delete(resource)) resource[Symbol.dispose]();
      },
    };
  }

  /** @internal The states were set to what they are after the first `absorbed` of these tokens. */
  resume(tokens: readonly number[], absorbed: number): void {
    this.#tokens = [...tokens];
    this.#absorbed = absorbed;
  }

  /** @internal */
  append(tokens: readonly number[]): void {
    this.#tokens = this.#tokens.concat(tokens);
  }

  /** @internal Runs every token but the newest. */
  async catchUp({
    signal,
    chunk,
  }: {
    readonly signal?: AbortSignal | undefined;
    readonly chunk: number;
  }): Promise<void> {
    const waiting = this.#tokens.slice(this.#absorbed, -1);
    await prefill(
      this.#network,
      this.#states,
      waiting,
      { signal, chunk },
      (count) => void (this.#absorbed += count),
    );
  }

  /** @internal Like `catchUp`, and the newest token waits for certain. @returns how many were to be run, it included */
  async readyToStep(options: {
    readonly signal?: AbortSignal | undefined;
    readonly chunk: number;
  }): Promise<number> {
    this.#leaveNewest();
    const waiting = this.#tokens.length - this.#absorbed;
    await this.catchUp(options);
    return waiting;
  }

  /** @internal The newest token was run, and `id` was drawn after it; undefined where nothing could be. */
  drawn(id: number | undefined): void {
    this.#absorbed = this.#tokens.length;
    if (id !== undefined) this.#tokens.push(id);
  }

  /** @internal @throws SsError `state-mismatch` */
  requireFrom(network: Network): void {
    if (this.#network === network) return;
    throw failure(
      'state-mismatch',
      `The session belongs to the model ${this.#network.fingerprint}; this one is ${network.fingerprint}.`,
      {
        hint: 'Make it with session() or restore() of the model that continues it.',
      },
    );
  }

  /** @internal @throws SsError `session-disposed` */
  requireOpen(): void {
    if (this.#disposed) throw failure('session-disposed', 'The session was used after dispose().');
  }

  /** Makes the newest token wait again, when it is in the state already. */
  #leaveNewest(): void {
    const { length } = this.#tokens;
    if (length === 0)
      throw failure('prompt-empty', 'There is no token to continue from.', {
        hint: 'Start with a prompt of at least one token.',
      });
    if (this.#absorbed === length) this.#goBack(length - 1);
  }

  /** Puts the state to the nearest mark with at most `most` tokens. */
  #goBack(most: number): void {
    const { engine } = this.#network;
    const best = this.#marks
      .filter(({ absorbed }) => absorbed <= most)
      .toSorted((a, b) => b.absorbed - a.absorbed)[0];
    this.#states.forEach((state, i) =>
      best ? assignState(engine, state, best.states[i]!) : clearState(engine, state),
    );
    this.#absorbed = best?.absorbed ?? 0;
  }

  #requireIdle(): void {
    this.requireOpen();
    if (this.#busy) throw busy();
  }
}

function busy(): SsError {
  return failure('session-busy', 'The session is being advanced by something else.', {
    hint: 'Wait for it, or clone() the session before.',
  });
}
