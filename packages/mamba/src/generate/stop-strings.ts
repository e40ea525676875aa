/**
 * Watches a stream of text for strings that end it. What may be the start of one is held back. Special tokens have
 * text that is watched and never shown.
 */
export class StopStrings {
  readonly #stops: readonly string[];
  #held: Stretch = { text: '', shown: [] };

  constructor(stops: readonly string[]) {
    this.#stops = stops;
  }

  /** The text that is safe to show, and whether a stop string came right after it. */
  push(text: string, shown = true): { readonly text: string; readonly stopped: boolean } {
    const all: Stretch = {
      text: this.#held.text + text,
      shown: [...this.#held.shown, ...new Array<boolean>(text.length).fill(shown)],
    };
    const at = Math.min(...this.#stops.map((stop) => indexOrInfinity(all.text, stop)));
    if (Number.isFinite(at)) {
      this.#held = slice(all, 0, 0);
      return { text: visible(slice(all, 0, at)), stopped: true };
    }
    const safe = all.text.length - Math.max(0, ...this.#stops.map((stop) => overlap(all.text, stop)));
    this.#held = slice(all, safe, all.text.length);
    return { text: visible(slice(all, 0, safe)), stopped: false };
  }

  /** What is held back when the text ends otherwise. */
  end(): string {
    const held = visible(this.#held);
    this.#held = slice(this.#held, 0, 0);
    return held;
  }
}

interface Stretch {
  readonly text: string;
  /** By character of the text. */
  readonly shown: readonly boolean[];
}

function slice({ text, shown }: Stretch, start: number, end: number): Stretch {
  return { text: text.slice(start, end), shown: shown.slice(start, end) };
}

function visible({ text, shown }: Stretch): string {
  return text
    .split('')
    .filter((_, i) => shown[i])
    .join('');
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
