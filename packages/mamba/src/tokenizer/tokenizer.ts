import { isObject, readJson } from '../checkpoint/json.ts';
import type { JsonObject } from '../checkpoint/json.ts';
import { failure } from '../errors.ts';
import type { Source } from '../source/source.ts';
import { tokenText, withAddedTokens } from './added-tokens.ts';
import { addedTokens, TokenFinder } from './parts/added-tokens.ts';
import { decoder } from './parts/decoders.ts';
import { modelOf } from './parts/model.ts';
import { mayMoveBeginning, normalizer } from './parts/normalizers.ts';
import { invalid, unsupported } from './parts/part.ts';
import type { Part } from './parts/part.ts';
import { postProcessor } from './parts/post-processors.ts';
import { asksForFirst, preTokenizer } from './parts/pre-tokenizers.ts';

/** Text to ids and back. Anything with these members may stand in a model. */
export interface Tokenizer {
  /** Ids are below it. */
  readonly vocabulary: number;
  /** Ids that mark the end of a text. */
  readonly eosIds: readonly number[];
  encode(text: string, options?: EncodeOptions): number[];
  /** Special tokens have no text. Bytes that are no whole character become U+FFFD. */
  decode(ids: readonly number[]): string;
  /** The name of a special token, such as `<|endoftext|>`; undefined for every other id. */
  specialToken?(id: number): string | undefined;
}

export interface EncodeOptions {
  /** The text goes on where other tokens end: no tokens that mark a beginning are put before it. */
  readonly continued?: boolean | undefined;
}

/** What old files leave out. */
const emptyTokenizer = {
  added_tokens: [],
  normalizer: null,
  pre_tokenizer: null,
  post_processor: null,
  decoder: null,
} as const;
/** No vocabulary comes near it; arrays by id stay small. */
const largestId = 2 ** 24;

/**
 * The tokenizer of a source, from `tokenizer.json` and `tokenizer_config.json`; undefined without them.
 * @throws SsError `tokenizer-invalid`, `tokenizer-unsupported`
 */
export async function readTokenizer(source: Source, signal?: AbortSignal): Promise<Tokenizer | undefined> {
  const tokenizer = await readJson(source, 'tokenizer.json', 'tokenizer-invalid', signal);
  if (tokenizer === undefined) return undefined;
  const config = (await readJson(source, 'tokenizer_config.json', 'tokenizer-invalid', signal)) ?? {};
  return createTokenizer(tokenizer, config);
}

/**
 * A tokenizer from the contents of `tokenizer.json` and `tokenizer_config.json`. It gives the ids that Hugging Face's
 * `tokenizers` gives; what would be read otherwise is refused by name, and so are patterns that some text could keep
 * busy for more than a time proportional to its length.
 * @throws SsError `tokenizer-invalid`, `tokenizer-unsupported`
 */
export function createTokenizer(json: JsonObject, config: JsonObject = {}): Tokenizer {
  const tokenizer = withAddedTokens(json, config);
  checkIds(tokenizer);
  const parts: JsonObject = { ...emptyTokenizer, ...tokenizer };
  const model = modelOf(parts['model'] as Part);
  const normalize = optional(parts['normalizer'], normalizer);
  const cut = optional(parts['pre_tokenizer'], preTokenizer);
  if (isObject(parts['normalizer']) && isObject(parts['pre_tokenizer'])) {
    const { normalizer, pre_tokenizer: cutter } = parts as { normalizer: Part; pre_tokenizer: Part };
    if (asksForFirst(cutter) && mayMoveBeginning(normalizer))
      throw unsupported(
        'a Metaspace with the prepend_scheme "first"',
        'the normalizer may move the beginning',
      );
  }
  const around = optional(parts['post_processor'], postProcessor) ?? { before: [], after: [] };
  const toText = optional(parts['decoder'], decoder);
  const added = addedTokens(parts, model.idOf, model.size);
  const found = {
    asWritten: new TokenFinder(added.filter(({ normalized }) => !normalized)),
    normalized: new TokenFinder(
      added.filter(({ normalized }) => normalized),
      normalize,
    ),
  };
  const contents = new Map(added.map(({ id, content }) => [id, content]));
  const special = new Map(
    added.filter((token) => token.special).map(({ id, content }) => [id, content] as const),
  );
  const tokenOf = (id: number): string | undefined => contents.get(id) ?? model.tokenOf(id);
  const idOf = (token: string): number | undefined =>
    added.find(({ content }) => content === token)?.id ?? model.idOf(token);

  const encodeText = (text: string, begins: boolean): number[] =>
    found.asWritten.sections(text, begins).flatMap((section) => {
      if ('id' in section) return [section.id];
      const normalized = normalize?.(section.text) ?? section.text;
      return found.normalized.sections(normalized, section.first).flatMap((part) => {
        if ('id' in part) return [part.id];
        return (cut?.(part) ?? [part]).flatMap(({ text }) => known(model.encode(text)));
      });
    });
  const eos = tokenText(config['eos_token']);
  const eosId = eos === undefined ? undefined : idOf(eos);
  return {
    vocabulary: ids(tokenizer).reduce((most, id) => Math.max(most, id + 1), 0),
    eosIds: eosId === undefined ? [] : [eosId],
    encode(text, { continued = false } = {}) {
      const ids = orTooLong(() => encodeText(wellFormed(text), !continued));
      return [...(continued ? [] : around.before), ...ids, ...around.after];
    },
    decode(ids) {
      const tokens = ids
        .filter((id) => !special.has(id))
        .map(tokenOf)
        .filter((token) => token !== undefined);
      return toText ? toText(tokens).join('') : tokens.join(' ');
    },
    specialToken: (id) => special.get(id),
  };
}

/** @throws SsError `tokenizer-invalid` for text that is nothing to the model */
function known(ids: readonly (number | undefined)[]): number[] {
  if (ids.every((id) => Number.isSafeInteger(id))) return ids as number[];
  throw failure(
    'tokenizer-invalid',
    'The tokenizer has no token for a part of the text, and none for unknown text.',
  );
}

/** A regular expression keeps where it may go back to on a stack, which millions of characters in a row fill. */
function orTooLong<T>(work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw failure(
      'tokenizer-invalid',
      'The text has a stretch that is too long for one token to be cut from.',
      {
        cause,
        hint: 'Give it in parts: a session takes them one after the other.',
      },
    );
  }
}

/** Half a surrogate pair is no character. */
function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, '\uFFFD');
}

function optional<T>(part: unknown, make: (part: Part) => T): T | undefined {
  if (part === null || part === undefined) return undefined;
  if (isObject(part)) return make(part);
  throw invalid(`it has ${JSON.stringify(part)} in place of a part`);
}

function checkIds(tokenizer: JsonObject): void {
  const all = ids(tokenizer);
  if (all.length === 0) throw invalid('it has no vocabulary');
  const wrong = all.find((id) => !Number.isInteger(id) || id < 0 || id > largestId);
  if (wrong !== undefined) throw invalid(`it has the id ${JSON.stringify(wrong)}`);
}

/** Every id: a vocabulary is a dictionary of ids, or a list in their order; added tokens have their own. */
function ids({ model, added_tokens: added }: JsonObject): number[] {
  const vocabulary = isObject(model) ? model['vocab'] : undefined;
  const own = Array.isArray(vocabulary)
    ? vocabulary.map((_, id) => id)
    : isObject(vocabulary)
      ? Object.values(vocabulary)
      : [];
  const more = Array.isArray(added) ? added.map((token) => (isObject(token) ? token['id'] : undefined)) : [];
  return [...own, ...more] as number[];
}
