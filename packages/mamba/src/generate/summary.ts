export type StopReason =
  /** `maxTokens` were drawn */
  | 'length'
  /** one of `stopIds` was drawn */
  | 'stop-id'
  /** one of `stop` came up */
  | 'stop-string'
  /** the loop was left */
  | 'cancelled'
  /** the signal was aborted */
  | 'aborted'
  /** an op failed */
  | 'failed';

/** What was done in which time; milliseconds are those spent in it, not between the pieces. */
export interface Measured {
  /** Drawn. */
  readonly tokens: number;
  /** Run before the first was drawn. */
  readonly promptTokens: number;
  readonly backend: string;
  /** From the start to the first token. */
  readonly prefillMilliseconds: number;
  readonly prefillTokensPerSecond: number;
  /** From the first token to the last. */
  readonly decodeMilliseconds: number;
  readonly decodeTokensPerSecond: number;
}

/** How a generation went. */
export interface GenerationSummary extends Measured {
  readonly reason: StopReason;
  readonly seed: number;
}

/** Time spent at work, and what was done in it. */
export class Meter {
  readonly #prefill: { milliseconds: number };
  readonly #decode: { milliseconds: number };
  #tokens = 0;
  #first = 0;
  promptTokens = 0;

  constructor() {
    this.#prefill = { milliseconds: 0 };
    this.#decode = { milliseconds: 0 };
  }

  /** Starts a stretch of work; the result ends it. It counts as prefill until a token has been drawn. */
  start(): Disposable {
    const phase = this.#tokens === 0 ? this.#prefill : this.#decode;
    const started = performance.now();
    return { [Symbol.dispose]: () => void (phase.milliseconds += performance.now() - started) };
  }

  /** Counts the tokens of one step. */
  drawn(count: number): void {
    this.#first ||= count;
    this.#tokens += count;
  }

  measured(backend: string): Measured {
    const { milliseconds: prefill } = this.#prefill;
    const { milliseconds: decode } = this.#decode;
    return {
      tokens: this.#tokens,
      promptTokens: this.promptTokens,
      backend,
      prefillMilliseconds: prefill,
      prefillTokensPerSecond: rate(this.promptTokens, prefill),
      decodeMilliseconds: decode,
      decodeTokensPerSecond: rate(this.#tokens - this.#first, decode),
    };
  }
}

function rate(tokens: number, milliseconds: number): number {
  return milliseconds > 0 && tokens > 0 ? (tokens / milliseconds) * 1000 : 0;
}
