import { TextStream } from '../tokenizer/text-stream.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import type { Sampling } from './options.ts';
import { StopStrings } from './stop-strings.ts';
import type { StopReason } from './summary.ts';

/** Where a text comes from, and whether it may go on later. */
export interface Around {
  /** Ids before the first that is drawn. */
  readonly before: readonly number[];
  /** A character that is not whole at the end may become so: whoever goes on shows it. */
  readonly goesOn: boolean;
}

/** What of the drawn tokens can be shown, and whether they end the text. */
export class Shown {
  readonly #sampling: Sampling;
  readonly #tokenizer: Tokenizer | undefined;
  readonly #stream: TextStream | undefined;
  readonly #stops: StopStrings;
  readonly #goesOn: boolean;

  constructor(tokenizer: Tokenizer | undefined, sampling: Sampling, { before, goesOn }: Around) {
    this.#sampling = sampling;
    this.#tokenizer = tokenizer;
    this.#stream = tokenizer && new TextStream(tokenizer, before);
    this.#stops = new StopStrings(sampling.stop);
    this.#goesOn = goesOn;
  }

  add(id: number, index: number): { readonly text: string; readonly end: StopReason | undefined } {
    const { stopIds, maxTokens } = this.#sampling;
    if (stopIds.includes(id)) return this.#finish('', 'stop-id');
    const special = this.#tokenizer?.specialToken?.(id);
    const { text, stopped } =
      special === undefined
        ? this.#stops.push(this.#stream?.push(id) ?? '')
        : this.#stops.push(special, false);
    if (stopped) return { text, end: 'stop-string' };
    return index + 1 === maxTokens ? this.#finish(text, 'length') : { text, end: undefined };
  }

  #finish(text: string, end: StopReason): { readonly text: string; readonly end: StopReason } {
    const last = this.#stops.push(this.#goesOn ? '' : (this.#stream?.end() ?? ''));
    if (last.stopped) return { text: text + last.text, end: 'stop-string' };
    return { text: text + last.text + this.#stops.end(), end };
  }
}
