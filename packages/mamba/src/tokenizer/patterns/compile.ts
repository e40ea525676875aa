import { isObject } from '../../checkpoint/json.ts';
import type { JsonObject } from '../../checkpoint/json.ts';
import { SplitPreTokenizer } from '../library.ts';
import { invalid, nameOf, requireShort, unsupported } from '../parts/part.ts';
import type { Part } from '../parts/part.ts';
import { requireLinear } from './linear.ts';
import { mayBeEmpty, parsePattern } from './parse.ts';

/** A pattern in `tokenizer.json`: a text as it is, or a regular expression of Oniguruma. */
export type Pattern = { readonly String: string } | { readonly Regex: string };

/** What byte-level tokenizers cut text with unless they say otherwise. */
export const gpt2Pattern: Pattern = {
  Regex: String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`,
};

/** Patterns of released models that are not linear as they are written, and what finds the same in linear time. */
const rewritten: ReadonlyMap<string, string> = new Map([
  // A match takes the run of white space up to its last line end, so the rest of the run has none.
  [String.raw`\s+$`, String.raw`(?<!\s)\s+$`],
]);

/** A part has a pattern that may match where there is nothing. @throws SsError as {@link patternOf} */
export function mayMatchNothing(part: Part): boolean {
  patternOf(part);
  const { String: text, Regex: source } = part['pattern'] as JsonObject;
  return typeof text === 'string' ? text === '' : mayBeEmpty(parsePattern(source as string));
}

/** The pattern of a part. @throws SsError `tokenizer-invalid`, `tokenizer-unsupported` */
export function patternOf(part: Part): RegExp {
  const pattern = part['pattern'];
  if (isObject(pattern)) {
    const { String: text, Regex: source } = pattern;
    if (typeof text === 'string') return compilePattern({ String: text });
    if (typeof source === 'string') return compilePattern({ Regex: source });
  }
  throw invalid(`${nameOf(part)} has the pattern ${JSON.stringify(pattern)}`);
}

/**
 * As a regular expression of JavaScript, with the flags g and u, that finds what Oniguruma finds, in time
 * proportional to the text.
 * @throws SsError `tokenizer-unsupported`
 */
export function compilePattern(pattern: Pattern): RegExp {
  if ('String' in pattern) {
    requireShort(pattern.String, 'a pattern');
    return translated(pattern);
  }
  const written = pattern.Regex;
  const known = rewritten.get(written);
  if (known !== undefined) return translated({ Regex: known });
  try {
    requireLinear(written);
    return translated(pattern);
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw unsupported(`the pattern ${shortened(JSON.stringify(written))}`, cause.message);
  }
}

function translated(pattern: Pattern): RegExp {
  const { pattern: compiled } = new SplitPreTokenizer({ type: 'Split', pattern, invert: true });
  if (compiled) return compiled;
  throw new SyntaxError('it cannot be translated');
}

function shortened(text: string): string {
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
