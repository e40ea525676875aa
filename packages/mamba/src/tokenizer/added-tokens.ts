import { isObject } from '../checkpoint/json.ts';
import type { JsonObject } from '../checkpoint/json.ts';

interface AddedToken extends JsonObject {
  readonly id: number;
  readonly content: string;
}

/**
 * `tokenizer.json` with the tokens that only `tokenizer_config.json` knows, in `added_tokens_decoder`, by their ids;
 * as the library that writes both reads them.
 */
export function withAddedTokens(tokenizer: JsonObject, config: JsonObject): JsonObject {
  const own = Array.isArray(tokenizer['added_tokens']) ? (tokenizer['added_tokens'] as unknown[]) : [];
  const known = new Set(own.map((token) => (isObject(token) ? token['content'] : undefined)));
  const more = addedTokens(config).filter(({ content }) => !known.has(content));
  return more.length === 0 ? tokenizer : { ...tokenizer, added_tokens: [...own, ...more] };
}

/** The id of a token by its text; undefined when `tokenizer_config.json` has no id of it. */
export function addedTokenId(config: JsonObject, text: string | undefined): number | undefined {
  return addedTokens(config).find(({ content }) => content === text)?.id;
}

/** A token in `tokenizer_config.json`: its text, or an object with its text. */
export function tokenText(value: unknown): string | undefined {
  const text = isObject(value) ? value['content'] : value;
  return typeof text === 'string' ? text : undefined;
}

function addedTokens(config: JsonObject): AddedToken[] {
  const decoder = config['added_tokens_decoder'];
  if (!isObject(decoder)) return [];
  return Object.entries(decoder).flatMap(([key, token]) => {
    const [id, content] = [Number(key), tokenText(token)];
    return Number.isSafeInteger(id) && id >= 0 && content !== undefined
      ? [{ special: false, ...(isObject(token) && token), id, content }]
      : [];
  });
}
