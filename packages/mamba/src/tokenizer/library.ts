import * as library from '@huggingface/tokenizers';

/** What is used of the models of `@huggingface/tokenizers`. */
export interface LibraryModel {
  /** The tokens of words. */
  (words: readonly string[]): string[];
  readonly vocab: readonly string[];
  readonly tokens_to_ids: ReadonlyMap<string, number>;
  readonly unk_token_id: number | undefined;
}

interface Library {
  readonly BPE: new (part: object) => LibraryModel;
  readonly WordPiece: new (part: object) => LibraryModel;
  readonly Unigram: new (
    part: object,
    endToken: undefined,
  ) => LibraryModel & {
    tokenize(word: string): string[];
  };
  /** Translates a pattern of Oniguruma when it is made. */
  readonly SplitPreTokenizer: new (part: object) => { readonly pattern: RegExp | null };
}

/** Its own types name modules without an extension, which resolve to nothing here. */
const models: Library = library as unknown as Library;
export const BPE: Library['BPE'] = models.BPE;
export const WordPiece: Library['WordPiece'] = models.WordPiece;
export const Unigram: Library['Unigram'] = models.Unigram;
export const SplitPreTokenizer: Library['SplitPreTokenizer'] = models.SplitPreTokenizer;
