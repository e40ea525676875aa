/** Watches a stream of text for strings that end it. What may be the start of one is held back. */
export class StopStrings {
  readonly #stops: readonly string[];
  #held = '';

  constructor(stops: readonly string[]) {
    this.#stops = stops;
  }

  /** The text that is safe to show, and whether a stop string came right after it. */
  push(text: string): { readonly text: string; readonly stopped: boolean } {
    const all = this.#held + text;
    const at = Math.min(...this.#stops.map((stop) => indexOrInfinity(all, stop)));
    if (Number.isFinite(at)) {
      this.#held = '';
      return { text: all.slice(0, at), stopped: true };
    }
    const hold = Math.max(0, ...this.#stops.map((stop) => overlap(all, stop)));
    this.#held = all.slice(all.length - hold);
    return { text: all.slice(0, all.length - hold), stopped: false };
  }

  /** What is held back when the text ends otherwise. */
  end(): string {
    const held = this.#held;
    this.#held = '';
    return held;
  }
}

function indexOrInfinity(text: string, stop: string): number {
  const at = text.indexOf(stop);
  return at < 0 ? Infinity : at;
}

/** Length of the longest end of `text` that is a beginning of `stop`. */
function overlap(text: string, stop: string): number {
  for (let length = Math.min(text.length, stop.length - 1); length > 0; length--) {
    if (text.endsWith(stop.slice(0, length))) return length;
  }
  return 0;
}
