import type { Tokenizer } from './tokenizer.ts';

/** Tokens after which text that still ends inside a character is taken to be broken for good. */
const patience = 16;
/** Tokens that are decoded together at most, where nothing comes of them. */
const maxWindow = 4 * patience;
/** Of a character in UTF-8. */
const maxBytes = 4;
/** What bytes become that are no whole character yet: one or several, by the decoder. */
const unfinished = /\uFFFD+$/;

/**
 * Text of ids as they come. A character whose bytes are spread over several tokens is held back until it is
 * whole. Ids are decoded together with those before them, because some decoders treat a first token
 * differently.
 */
export class TextStream {
  readonly #tokenizer: Tokenizer;
  /** Ids whose text is out, as context, then ids whose text is not all out. */
  #window: number[];
  #context: number;
  /** Characters of the window's text that are out. */
  #out: number;

  /** @param before ids that the text goes on from. A character that they leave unfinished comes whole. */
  constructor(tokenizer: Tokenizer, before: readonly number[] = []) {
    this.#tokenizer = tokenizer;
    const shown = before.slice(-maxWindow).filter((id) => !this.#isSpecial(id));
    const contexts = Array.from({ length: maxBytes }, (_, cut) =>
      this.#settled(shown.slice(-patience + cut)),
    );
    // One that is cut off may begin inside a character.
    const whole = shown.length <= patience ? undefined : contexts.find(({ text }) => /^[^\uFFFD]/.test(text));
    const { ids, settled, text } = whole ?? contexts[0]!;
    this.#window = [...ids];
    this.#context = settled;
    this.#out = text.length;
  }

  /** Ids, how many of them end with a whole character, and the text of those. */
  #settled(ids: readonly number[]): {
    readonly ids: readonly number[];
    readonly settled: number;
    readonly text: string;
  } {
    for (let end = ids.length; end > Math.max(0, ids.length - maxBytes); end--) {
      const text = this.#tokenizer.decode(ids.slice(0, end));
      if (!unfinished.test(text)) return { ids, settled: end, text };
    }
    const text = ids.length === 0 ? '' : this.#tokenizer.decode(ids);
    return { ids, settled: ids.length, text: text.slice(0, this.#finished(text)) };
  }

  /** The text that this id completes; maybe none. */
  push(id: number): string {
    if (this.#isSpecial(id)) return '';
    this.#window.push(id);
    const text = this.#decode();
    const finished = this.#finished(text);
    if (finished < text.length && this.#window.length - this.#context < patience)
      return this.#show(text, finished);
    // Whatever is broken for good is shown, but what the next byte may complete.
    if (finished < text.length) {
      const piece = this.#show(text, text.length - 1);
      if (this.#window.length > maxWindow) this.#restart(this.#window.slice(-patience), 1);
      return piece;
    }
    const piece = this.#show(text, text.length);
    if (piece !== '' || this.#window.length > maxWindow)
      this.#restart(piece === '' ? this.#window.slice(-patience) : this.#window.slice(this.#context), 0);
    return piece;
  }

  /** What is held back, as it is. */
  end(): string {
    const text = this.#decode();
    return this.#show(text, text.length);
  }

  /** The text of the window up to `end`, as far as it is not out. */
  #show(text: string, end: number): string {
    const piece = text.slice(this.#out, Math.max(this.#out, end));
    this.#out += piece.length;
    return piece;
  }

  /** Ids whose text is out but for its last `held` characters. */
  #restart(window: number[], held: number): void {
    this.#window = window;
    this.#context = window.length;
    this.#out = Math.max(0, this.#decode().length - held);
  }

  #decode(): string {
    return this.#window.length === 0 ? '' : this.#tokenizer.decode(this.#window);
  }

  #finished(text: string): number {
    return unfinished.exec(text)?.index ?? text.length;
  }

  #isSpecial(id: number): boolean {
    return this.#tokenizer.specialToken?.(id) !== undefined;
  }
}
