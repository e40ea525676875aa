import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import { isObject, readJson } from '../checkpoint/json.ts';
import type { JsonObject } from '../checkpoint/json.ts';
import { failure } from '../errors.ts';
import type { Source } from '../source/source.ts';
import { tokenText, withAddedTokens } from './added-tokens.ts';

/** Text to ids and back. Anything with these members may stand in a model. */
export interface Tokenizer {
  /** Ids are below it. */
  readonly vocabulary: number;
  /** Ids that mark the end of a text. */
  readonly eosIds: readonly number[];
  encode(text: string): number[];
  /** Special tokens have no text. Bytes that are no whole character become U+FFFD. */
  decode(ids: readonly number[]): string;
}

/** What old files leave out. */
const emptyTokenizer = {
  added_tokens: [],
  normalizer: null,
  pre_tokenizer: null,
  post_processor: null,
  decoder: null,
} as const;
const knownModels: readonly string[] = ['BPE', 'Unigram', 'WordPiece'];
/** No vocabulary comes near it; arrays by id stay small. */
const largestId = 2 ** 24;

/**
 * The tokenizer of a source, from `tokenizer.json` and `tokenizer_config.json`; undefined without them.
 * @throws SsError `tokenizer-invalid`
 */
export async function readTokenizer(source: Source, signal?: AbortSignal): Promise<Tokenizer | undefined> {
  const tokenizer = await readJson(source, 'tokenizer.json', 'tokenizer-invalid', signal);
  if (tokenizer === undefined) return undefined;
  const config = (await readJson(source, 'tokenizer_config.json', 'tokenizer-invalid', signal)) ?? {};
  return createTokenizer(tokenizer, config);
}

/**
 * A tokenizer from the contents of `tokenizer.json` and `tokenizer_config.json`.
 * @throws SsError `tokenizer-invalid`
 */
export function createTokenizer(json: JsonObject, config: JsonObject = {}): Tokenizer {
  const tokenizer = withAddedTokens(json, config);
  const inner = parse(tokenizer, config);
  const eos = tokenText(config['eos_token']);
  const eosId = eos === undefined ? undefined : inner.token_to_id(eos);
  return {
    vocabulary: ids(tokenizer).reduce((most, id) => Math.max(most, id + 1), 0),
    eosIds: eosId === undefined ? [] : [eosId],
    encode(text) {
      const { ids } = inner.encode(text);
      if (ids.every((id: number) => Number.isSafeInteger(id))) return ids;
      throw failure(
        'tokenizer-invalid',
        'The tokenizer has no token for a part of the text, and none for unknown text.',
      );
    },
    decode: (ids) =>
      ids.length === 0
        ? ''
        : inner.decode([...ids], { skip_special_tokens: true, clean_up_tokenization_spaces: false }),
  };
}

function parse(tokenizer: JsonObject, config: JsonObject): HuggingFaceTokenizer {
  const invalid = (why: string, cause?: unknown): Error =>
    failure('tokenizer-invalid', `tokenizer.json cannot be used: ${why}.`, {
      cause,
      hint: 'Take it from the model it belongs to.',
    });
  const all = ids(tokenizer);
  if (all.length === 0) throw invalid('it has no vocabulary');
  const wrong = all.find((id) => !Number.isInteger(id) || id < 0 || id > largestId);
  if (wrong !== undefined) throw invalid(`it has the id ${JSON.stringify(wrong)}`);
  const model = { type: 'BPE', ...(tokenizer['model'] as JsonObject) };
  if (!knownModels.includes(model.type)) throw invalid(`its model is of the unknown type ${model.type}`);
  const complete = { ...emptyTokenizer, ...tokenizer, model };
  try {
    const made = new HuggingFaceTokenizer(complete, config);
    made.encode('a');
    return made;
  } catch (cause) {
    throw invalid(cause instanceof Error ? cause.message : String(cause), cause);
  }
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
