import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { JsonObject } from '../checkpoint/json.ts';
import { createTokenizer } from './tokenizer.ts';

/** The bytes of GPT-NeoX's vocabulary, and a few of its longer tokens, with their ids. */
const neox = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../test/tokenizers/neox-excerpt.json'), 'utf8'),
) as JsonObject;
const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false };

/** Ids of a text when this part comes before the bytes; they are what the library in Rust gives. */
function idsWith(part: JsonObject, text: string): number[] {
  const pre_tokenizer =
    part['type'] === 'ByteLevel' ? part : { type: 'Sequence', pretokenizers: [part, byteLevel] };
  return createTokenizer({ ...neox, pre_tokenizer }).encode(text);
}

test.for([
  ['words of any script', { type: 'Whitespace' }, 'für', [71, 8824]],
  ['each mark for itself', { type: 'Punctuation', behavior: 'Isolated' }, 'a...', [66, 15, 15, 15]],
  [
    'all there is when what matches is kept',
    { type: 'Split', pattern: { String: ' ' }, behavior: 'Isolated', invert: true },
    'a b',
    [66, 209, 67],
  ],
  ['fractions as numbers', { type: 'Digits', individual_digits: false }, 'a ½', [66, 209, 8313]],
  ['no white space in a byte order mark', { ...byteLevel, use_regex: true }, 'a \uFEFFb', [66, 35762, 67]],
] as const)('%s', ([, part, text, ids]) => {
  expect(idsWith(part, text)).toEqual(ids);
});
