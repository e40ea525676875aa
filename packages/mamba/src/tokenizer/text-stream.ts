import type { Tokenizer } from './tokenizer.ts';

const replacement = '\uFFFD';
/** Tokens after which text that still ends inside a character is taken to be broken for good. */
const patience = 16;

/**
 * Text of ids as they come. A character whose bytes are spread over several tokens is held back until it is
 * whole. Ids are decoded together with those before them, because some decoders treat a first token
 * differently.
 */
export class TextStream {
  readonly #tokenizer: Tokenizer;
  /** Ids whose text is out, as context, then ids whose text is not all out. */
  #window: number[] = [];
  #context = 0;
  /** Characters of the window's text that are out. */
  #out = 0;

  constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer;
  }

  /** The text that this id completes; maybe none. */
  push(id: number): string {
    this.#window.push(id);
    const text = this.#tokenizer.decode(this.#window);
    // An unfinished character decodes to one replacement; any before it are there to stay.
    const unfinished = text.endsWith(replacement);
    if (unfinished && this.#window.length - this.#context < patience) {
      const piece = text.slice(this.#out, -1);
      this.#out += piece.length;
      return piece;
    }
    const piece = text.slice(this.#out);
    this.#window = unfinished ? [] : this.#window.slice(this.#context);
    this.#context = this.#window.length;
    this.#out = this.#tokenizer.decode(this.#window).length;
    return piece;
  }

  /** What is held back, as it is. */
  end(): string {
    const piece = this.#tokenizer.decode(this.#window).slice(this.#out);
    this.#out += piece.length;
    return piece;
  }
}
