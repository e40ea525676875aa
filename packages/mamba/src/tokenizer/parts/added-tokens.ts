import { isObject } from '../../checkpoint/json.ts';
import { flagOf, invalid, partsOf, requireShort, textOf, unsupported } from './part.ts';
import type { Part } from './part.ts';
import type { Normalizer } from './normalizers.ts';

/** A token beside the model's vocabulary, which is found in a text before anything else. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  /** It has no text of its own. */
  readonly special: boolean;
  /** It is looked for in the text as the normalizer leaves it. */
  readonly normalized: boolean;
  /** Only where no letter, digit or underscore is next to it. */
  readonly singleWord: boolean;
  /** It takes the white space before it, or after it. */
  readonly leftStrip: boolean;
  readonly rightStrip: boolean;
}

/**
 * The added tokens of a tokenizer.
 * @param idOf the id that a token has in the model's vocabulary
 * @param size of that vocabulary: the ids of the others go on from there
 * @throws SsError `tokenizer-invalid`, `tokenizer-unsupported` for a token with another id
 */
export function addedTokens(
  tokenizer: Part,
  idOf: (token: string) => number | undefined,
  size: number,
): AddedToken[] {
  const ids = new Map<string, number>();
  let next = size;
  for (const part of partsOf(tokenizer, 'added_tokens')) {
    if (!isObject(part)) throw invalid(`an added token is ${JSON.stringify(part)}`);
    const content = textOf(part, 'content');
    if (content === '') continue;
    requireShort(content, 'an added token');
    const id = ids.get(content) ?? idOf(content) ?? next++;
    ids.set(content, id);
    if (part['id'] !== id)
      throw unsupported(
        `the added token ${JSON.stringify(content)}`,
        `it has the id ${JSON.stringify(part['id'])} where its place in the list gives it ${id}`,
      );
  }
  // The last of several with one content counts.
  const parts = new Map(partsOf(tokenizer, 'added_tokens').map((part) => [part['content'] as string, part]));
  return [...ids].map(([content, id]) => {
    const part = parts.get(content)!;
    const special = flagOf(part, 'special', false);
    return {
      id,
      content,
      special,
      normalized: flagOf(part, 'normalized', !special),
      singleWord: flagOf(part, 'single_word', false),
      leftStrip: flagOf(part, 'lstrip', false),
      rightStrip: flagOf(part, 'rstrip', false),
    };
  });
}

/** A stretch of text, or the id of the token that stands there. */
export type Section = { readonly text: string; readonly first: boolean } | { readonly id: number };

/** Finds tokens in a text: from the left, the longest of those that begin in one place. */
export class TokenFinder {
  readonly #root: Node = { next: new Map(), token: undefined };

  /** @param normalize applied to what is looked for */
  constructor(tokens: readonly AddedToken[], normalize: Normalizer = (text) => text) {
    for (const token of tokens) {
      let node = this.#root;
      for (const unit of normalize(token.content).split('')) {
        const next = node.next.get(unit) ?? { next: new Map<string, Node>(), token: undefined };
        node.next.set(unit, next);
        node = next;
      }
      if (node !== this.#root) node.token = token;
    }
  }

  /** @param first the text begins where the whole text begins */
  sections(text: string, first: boolean): Section[] {
    const sections: Section[] = [];
    let done = 0;
    // Up to here there is white space, for whoever ends in it.
    let blank = 0;
    for (let at = 0; at < text.length;) {
      const found = this.#longestAt(text, at);
      if (!found) {
        at++;
        continue;
      }
      let { start, end } = { start: at, end: at + found.length };
      at = end;
      const { id, singleWord, leftStrip, rightStrip } = found.token;
      if (singleWord && (wordBefore(text, start) || wordAfter(text, end))) continue;
      if (leftStrip) start = Math.max(spaceBefore(text, start, done), done);
      if (rightStrip) end = blank = end < blank ? blank : spaceAfter(text, end);
      if (done < start) sections.push({ text: text.slice(done, start), first: first && done === 0 });
      // One whose white space the one before has taken is gone with it.
      if (start < end) sections.push({ id });
      done = end;
    }
    if (done < text.length) sections.push({ text: text.slice(done), first: first && done === 0 });
    return sections;
  }

  #longestAt(text: string, at: number): { token: AddedToken; length: number } | undefined {
    let longest: { token: AddedToken; length: number } | undefined;
    let node = this.#root.next.get(text[at]!);
    for (let length = 1; node; node = node.next.get(text[at + length++]!)) {
      if (node.token) longest = { token: node.token, length };
    }
    return longest;
  }
}

/** What is looked for, by its UTF-16 units. */
interface Node {
  readonly next: Map<string, Node>;
  token: AddedToken | undefined;
}

const word = '[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}]';
const startsWithWord = new RegExp(word, 'uy');
const endsWithWord = new RegExp(`(?<=${word})`, 'uy');
const spaces = /\p{White_Space}*/uy;
const space = /\p{White_Space}/u;

function wordBefore(text: string, at: number): boolean {
  endsWithWord.lastIndex = at;
  return endsWithWord.test(text);
}

function wordAfter(text: string, at: number): boolean {
  startsWithWord.lastIndex = at;
  return startsWithWord.test(text);
}

function spaceAfter(text: string, at: number): number {
  spaces.lastIndex = at;
  spaces.test(text);
  return spaces.lastIndex;
}

/** No white space lies outside the first plane. */
function spaceBefore(text: string, at: number, from: number): number {
  let start = at;
  while (start > from && space.test(text[start - 1]!)) start--;
  return start;
}
