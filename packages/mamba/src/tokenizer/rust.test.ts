import { SsError } from '@ss/core';
import { describe, expect, test } from 'vitest';
import { adversarialTexts } from '../../test/tokenizers/adversarial-texts.ts';
import { tokenizers } from '../../test/tokenizers/all.ts';
import type { Named } from '../../test/tokenizers/all.ts';
import { rust } from '../../test/tokenizers/rust.ts';
import type { RustTokenizer } from '../../test/tokenizers/rust.ts';
import { createTokenizer } from './tokenizer.ts';
import type { Tokenizer } from './tokenizer.ts';

/** What is refused, by kind, and nothing else: the parts, or what is in them. */
const refused: Readonly<Record<string, readonly RegExp[]>> = {
  'pre-tokenizers': [
    /"UnicodeScripts"/,
    /"Oracle"/,
    // Neither is read by the other library.
    /"delimiter":"ab"/,
    /"replacement":"_","add_prefix_space":false/,
  ],
  patterns: [
    /\\\\p\{(?:\^L|Alnum|Punct|Space|Digit)\}/,
    /\[:\^?(?:graph|print|ascii):\]/,
    /"(?:\[&&a\]|\[a&&\]|\[a&&&&b\]|\[\[\]a\]|\(\?#x\)a|\\\\u\{e9\})"/,
  ],
  normalizers: [
    /"Oracle"/,
    /"Precompiled"/,
    /"Replace","pattern":\{"(?:String|Regex)":"(?:|a\*|\^)"\},"content":"[^"]/,
  ],
  'normalizers before a prefix': [
    /"(?:Oracle|Precompiled|Replace|BertNormalizer|Strip|StripAccents|Nmt)"/,
    /"normalizers":\[\{"type":"(?:NFKD"\},\{"type":"StripAccents|Prepend|Strip)"/,
  ],
  'post-processors': [
    /"Oracle"/,
    /"single":\[\{"Sequence":\{"id":"A","type_id":0\}\},\{"Sequence"/,
    /"single":\[\{"SpecialToken":\{"id":"<b>","type_id":0\}\}\]/,
    /"single":\[\{"Sequence":\{"id":"B"/,
    /"single":\[\{"SpecialToken":\{"id":"<none>"/,
    /^\{"type":"Sequence","processors":\[\{"type":"TemplateProcessing"/,
  ],
  decoders: [/"Oracle"/],
  // The one with an id that is not its place.
  'added tokens': [/^41$/],
  models: [
    /continuing_subword_prefix.*##/,
    /dropout":0.5/,
    /max_input_chars_per_word":1000/,
    /Unigram.*byte_fallback":true/,
  ],
};

/** Kinds that have a say in how ids become text. */
const decoded: readonly string[] = ['decoders', 'added tokens', 'models', 'ByteLevel alone'];

/** Ids, or that there are none. */
async function idsOf(encode: () => readonly number[] | Promise<readonly number[]>): Promise<string> {
  try {
    return JSON.stringify(await encode());
  } catch {
    return 'refused';
  }
}

async function differences(ours: Tokenizer, theirs: RustTokenizer, decoding: boolean): Promise<string[]> {
  const all: string[] = [];
  for (const text of adversarialTexts) {
    const wanted = await idsOf(() => theirs.encode(text));
    const got = await idsOf(() => ours.encode(text));
    if (got !== wanted) all.push(`${JSON.stringify(text)} is ${wanted}, not ${got}`);
    if (wanted === 'refused' || !decoding) continue;
    const ids = JSON.parse(wanted) as number[];
    for (const some of [ids, ids.slice(1).toReversed()]) {
      const [text, theirText] = [ours.decode(some), await theirs.decode(some)];
      if (text !== theirText)
        all.push(`${JSON.stringify(some)} is ${JSON.stringify(theirText)}, not ${JSON.stringify(text)}`);
    }
  }
  return all;
}

describe('every part of tokenizer.json is read as the library in Rust reads it, or refused', () => {
  test.for(Object.entries(tokenizers))('%s', { timeout: 120_000 }, async ([kind, make], { skip }) => {
    if (rust.make === undefined) return skip(rust.missing);
    const wrong: string[] = [];
    const notRead: string[] = [];
    for (const [name, tokenizer] of make() as Named[]) {
      const ours = read(tokenizer);
      if (ours === undefined) {
        notRead.push(name);
        continue;
      }
      const found = await differences(ours, rust.make(tokenizer), decoded.includes(kind));
      if (found.length > 0) wrong.push(`${name}: ${found.length}, such as ${found[0]}`);
    }
    expect(wrong).toEqual([]);
    expect(notRead.filter((name) => !(refused[kind] ?? []).some((known) => known.test(name)))).toEqual([]);
    for (const known of refused[kind] ?? []) expect(notRead.some((name) => known.test(name))).toBe(true);
  });
});

/** Undefined when it is refused, by name. */
function read(tokenizer: Named[1]): Tokenizer | undefined {
  try {
    return createTokenizer(tokenizer);
  } catch (error) {
    if (SsError.is(error, 'tokenizer-unsupported') || SsError.is(error, 'tokenizer-invalid'))
      return undefined;
    throw error;
  }
}
