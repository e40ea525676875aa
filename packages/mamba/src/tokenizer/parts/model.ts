import { SsError } from '@ss/core';
import { BPE, Unigram, WordPiece } from '../library.ts';
import type { LibraryModel } from '../library.ts';
import { countOf, invalid, requireShort, textOf, unsupported } from './part.ts';
import type { Part } from './part.ts';

/** A word to ids, and ids to tokens. */
export interface Model {
  readonly size: number;
  idOf(token: string): number | undefined;
  tokenOf(id: number): string | undefined;
  /** The ids of a word, with undefined for what it has no token for. */
  encode(word: string): (number | undefined)[];
}

/** Options of which only the empty value is read, and what others would do. */
const refused: Readonly<Record<string, string>> = {
  dropout: 'it drops merges at random',
  continuing_subword_prefix: 'a mark of where a word goes on is not read',
};

/** A model made: its tables, and the tokens of a word. */
interface Made {
  readonly model: Pick<LibraryModel, 'vocab' | 'tokens_to_ids' | 'unk_token_id'>;
  words(word: string): string[];
}

const makers: Readonly<Record<string, (part: Part) => Made>> = {
  BPE: (part) => {
    for (const [option, why] of Object.entries(refused)) {
      const value = part[option];
      if (value) throw unsupported(`a BPE model with ${option} ${JSON.stringify(value)}`, why);
    }
    const model = new BPE(part);
    if (typeof part['unk_token'] === 'string') return { model, words: (word) => model([word]) };
    if (part['end_of_word_suffix'])
      throw unsupported('a BPE model with an end_of_word_suffix', 'it has no token for what is unknown');
    const known = characters(model.tokens_to_ids, part['byte_fallback'] === true);
    return { model, words: (word) => model([known(word)]) };
  },
  WordPiece: (part) => {
    const length = countOf(part, 'max_input_chars_per_word', 0, 100);
    // It tries every end of a word at every beginning.
    if (length > maxWordLength)
      throw unsupported(
        `a WordPiece model with max_input_chars_per_word ${length}`,
        `${maxWordLength} is the limit`,
      );
    const model = new WordPiece(part);
    return { model, words: (word) => model([word]) };
  },
  WordLevel: wordLevel,
  Unigram: (part) => {
    if (part['byte_fallback'] === true)
      throw unsupported('a Unigram model with byte_fallback', 'bytes of unknown characters are not read');
    const model = new Unigram(part, undefined);
    // Every one that begins in a place of the text is walked to its end.
    for (const token of model.vocab) requireShort(token, 'a token');
    return { model, words: (word) => fused(model.tokenize(word), model) };
  },
};

/** A word is a token. */
function wordLevel(part: Part): Made {
  const ids = new Map(Object.entries((part['vocab'] ?? {}) as Record<string, number>));
  const vocab: string[] = [];
  for (const [token, id] of ids) vocab[id] = token;
  const unknown = ids.get(textOf(part, 'unk_token'));
  return { model: { vocab, tokens_to_ids: ids, unk_token_id: unknown }, words: (word) => [word] };
}

const maxWordLength = 200;

/** Leaves out the characters that are nothing to a model without a token for them, as if they were not there. */
function characters(ids: ReadonlyMap<string, number>, asBytes: boolean): (word: string) => string {
  const encoder = new TextEncoder();
  const byteToken = (byte: number): string => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;
  const known = (character: string): boolean =>
    ids.has(character) ||
    (asBytes && Array.from(encoder.encode(character), byteToken).every((token) => ids.has(token)));
  return (word) => Array.from(word).filter(known).join('');
}

/** Several unknown characters in a row are one. */
function fused(
  tokens: readonly string[],
  { tokens_to_ids: ids, unk_token_id: unknown }: LibraryModel,
): string[] {
  const known = (token: string | undefined): boolean =>
    token !== undefined && (ids.get(token) ?? unknown) !== unknown;
  return tokens.filter((token, i) => i === 0 || known(token) || known(tokens[i - 1]));
}

/** @throws SsError `tokenizer-invalid`, `tokenizer-unsupported` */
export function modelOf(part: Part): Model {
  const type = textOf(part, 'type', 'BPE');
  const make = makers[type];
  if (!make) throw invalid(`its model is of the unknown type ${type}`);
  const { model, words } = made(() => make(part));
  const { tokens_to_ids: ids, unk_token_id: unknown } = model;
  return {
    size: ids.size,
    idOf: (token) => ids.get(token),
    tokenOf: (id) => model.vocab[id],
    encode: (word) => (word === '' ? [] : words(word).map((token) => ids.get(token) ?? unknown)),
  };
}

function made<T>(make: () => T): T {
  try {
    return make();
  } catch (cause) {
    if (SsError.is(cause)) throw cause;
    throw invalid(cause instanceof Error ? cause.message : String(cause), cause);
  }
}
