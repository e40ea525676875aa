import { TextStream } from '../tokenizer/text-stream.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import type { Sampling } from './options.ts';
import { StopStrings } from './stop-strings.ts';
import type { StopReason } from './summary.ts';

/** What of the drawn tokens can be shown, and whether they end the text. */
export class Shown {
  readonly #sampling: Sampling;
  readonly #stream: TextStream | undefined;
  readonly #stops: StopStrings;

  constructor(tokenizer: Tokenizer | undefined, sampling: Sampling) {
    this.#sampling = sampling;
    this.#stream = tokenizer && new TextStream(tokenizer);
    this.#stops = new StopStrings(sampling.stop);
  }

  add(id: number, index: number): { readonly text: string; readonly end: StopReason | undefined } {
    const { stopIds, maxTokens } = this.#sampling;
    const stop = stopIds.includes(id);
    const { text, stopped } = this.#stops.push(stop ? '' : (this.#stream?.push(id) ?? ''));
    if (stopped) return { text, end: 'stop-string' };
    const end = stop ? 'stop-id' : index + 1 === maxTokens ? 'length' : undefined;
    if (end === undefined) return { text, end };
    const last = this.#stops.push(this.#stream?.end() ?? '');
    if (last.stopped) return { text: text + last.text, end: 'stop-string' };
    return { text: text + last.text + this.#stops.end(), end };
  }
}
