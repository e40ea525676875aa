import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JsonObject } from '../../src/checkpoint/json.ts';
import { trained } from '../trained-model.ts';
import { patterns } from './patterns.ts';

const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false };
/** Of the tiny model: its last step is bytes, of which it has all. */
export const bytes: JsonObject = JSON.parse(
  readFileSync(join(trained, 'tokenizer.json'), 'utf8'),
) as JsonObject;

/** With bytes as the last thing a text becomes, any text has ids, which show where it was cut. */
export function byteTokenizer(parts: JsonObject): JsonObject {
  const { pre_tokenizer: cut, ...others } = parts;
  const all = [cut, byteLevel].filter((part) => part !== undefined);
  return { ...bytes, normalizer: null, ...others, pre_tokenizer: { type: 'Sequence', pretokenizers: all } };
}

const behaviors = ['Removed', 'Isolated', 'Contiguous', 'MergedWithPrevious', 'MergedWithNext'];

export const splits = (): JsonObject[] => [
  ...patterns.map((Regex) => ({ type: 'Split', pattern: { Regex }, behavior: 'Isolated', invert: false })),
  ...[' ', 'a', '..', '.', '', '\n', 'ab', '好', '$', 'ss'].flatMap((text) =>
    behaviors.flatMap((behavior) =>
      [true, false].map((invert) => ({ type: 'Split', pattern: { String: text }, behavior, invert })),
    ),
  ),
  ...[
    String.raw`\s`,
    String.raw`\s+`,
    'a|b',
    '(a)|(b)',
    String.raw`\p{N}`,
    String.raw`\w+`,
    'a*',
    '(?=b)',
    '',
    String.raw`\b`,
  ].flatMap((Regex) =>
    behaviors.flatMap((behavior) =>
      [true, false].map((invert) => ({ type: 'Split', pattern: { Regex }, behavior, invert })),
    ),
  ),
];

export const preTokenizers = (): JsonObject[] => [
  { type: 'Whitespace' },
  { type: 'WhitespaceSplit' },
  { type: 'BertPreTokenizer' },
  { type: 'UnicodeScripts' },
  ...behaviors.map((behavior) => ({ type: 'Punctuation', behavior })),
  { type: 'Punctuation' },
  { type: 'Digits', individual_digits: true },
  { type: 'Digits', individual_digits: false },
  ...[' ', 'a', '\n', '好', 'ab'].map((delimiter) => ({ type: 'CharDelimiterSplit', delimiter })),
  ...[1, 2, 5].map((length) => ({ type: 'FixedLength', length })),
  { type: 'FixedLength' },
  ...['always', 'first', 'never', undefined].flatMap((prepend_scheme) =>
    [true, false, undefined].map((split) => ({ type: 'Metaspace', replacement: '▁', prepend_scheme, split })),
  ),
  { type: 'Metaspace', replacement: '_', add_prefix_space: true },
  { type: 'Metaspace', replacement: '_', add_prefix_space: false },
  { type: 'Metaspace', replacement: '▁', add_prefix_space: false, prepend_scheme: 'never' },
  { type: 'Metaspace', replacement: '▁', str_rep: 'x', add_prefix_space: true },
  { type: 'Oracle' },
  { type: 'Sequence', pretokenizers: [] },
  {
    type: 'Sequence',
    pretokenizers: [
      { type: 'Punctuation', behavior: 'Contiguous' },
      { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
    ],
  },
  {
    type: 'Sequence',
    pretokenizers: [
      { type: 'Digits', individual_digits: true },
      { type: 'Metaspace', replacement: '▁', prepend_scheme: 'first', split: true },
    ],
  },
  {
    type: 'Sequence',
    pretokenizers: [
      { type: 'WhitespaceSplit' },
      { type: 'Metaspace', replacement: '▁', prepend_scheme: 'first', split: true },
    ],
  },
  {
    type: 'Sequence',
    pretokenizers: [
      { type: 'WhitespaceSplit' },
      { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true },
    ],
  },
  {
    type: 'Sequence',
    pretokenizers: [
      { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true },
      { type: 'Metaspace', replacement: '▁', prepend_scheme: 'first', split: true },
    ],
  },
];

export const normalizers = (): JsonObject[] => [
  ...['NFC', 'NFD', 'NFKC', 'NFKD', 'Lowercase', 'StripAccents', 'Nmt', 'ByteLevel', 'Oracle'].map(
    (type) => ({ type }),
  ),
  ...[true, false].flatMap((strip_left) =>
    [true, false].map((strip_right) => ({ type: 'Strip', strip_left, strip_right })),
  ),
  { type: 'Prepend', prepend: '▁' },
  { type: 'Prepend', prepend: 'a b' },
  ...[' ', 'a', '..', ''].flatMap((text) =>
    ['', '▁', '$&', '$$', ' x '].map((content) => ({ type: 'Replace', pattern: { String: text }, content })),
  ),
  ...[String.raw`\s+`, ' {2,}', '(a)(b)', '[^a-z]', '', 'a*', '^', String.raw`\d`].flatMap((Regex) =>
    ['', '$1', '-'].map((content) => ({ type: 'Replace', pattern: { Regex }, content })),
  ),
  ...[true, false].flatMap((clean_text) =>
    [true, false].flatMap((handle_chinese_chars) =>
      [true, false, null].flatMap((strip_accents) =>
        [true, false].map((lowercase) => ({
          type: 'BertNormalizer',
          clean_text,
          handle_chinese_chars,
          strip_accents,
          lowercase,
        })),
      ),
    ),
  ),
  { type: 'Precompiled', precompiled_charsmap: 'AAAA' },
  { type: 'Sequence', normalizers: [] },
  { type: 'Sequence', normalizers: [{ type: 'NFKD' }, { type: 'StripAccents' }, { type: 'Lowercase' }] },
  {
    type: 'Sequence',
    normalizers: [
      { type: 'Prepend', prepend: '▁' },
      { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
    ],
  },
  {
    type: 'Sequence',
    normalizers: [
      { type: 'Strip', strip_left: true, strip_right: true },
      { type: 'Prepend', prepend: '▁' },
    ],
  },
];

const template = (single: JsonObject[]): JsonObject => ({
  type: 'TemplateProcessing',
  single,
  pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }],
  special_tokens: {
    '<b>': { id: '<b>', ids: [5], tokens: ['x'] },
    '<e>': { id: '<e>', ids: [6, 7], tokens: ['y', 'z'] },
  },
});
const A = { Sequence: { id: 'A', type_id: 0 } },
  B = { SpecialToken: { id: '<b>', type_id: 0 } },
  E = { SpecialToken: { id: '<e>', type_id: 0 } };
export const postProcessors = (): JsonObject[] => [
  { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
  { type: 'BertProcessing', sep: ['a', 9], cls: ['b', 8] },
  { type: 'RobertaProcessing', sep: ['a', 9], cls: ['b', 8], trim_offsets: true, add_prefix_space: true },
  template([A]),
  template([B, A]),
  template([A, E]),
  template([B, A, E]),
  template([B, B, A]),
  template([A, A]),
  template([B]),
  template([{ Sequence: { id: 'B', type_id: 0 } }]),
  template([{ SpecialToken: { id: '<none>', type_id: 0 } }, A]),
  {
    type: 'Sequence',
    processors: [
      { type: 'ByteLevel', add_prefix_space: true, trim_offsets: false, use_regex: true },
      template([B, A]),
    ],
  },
  {
    type: 'Sequence',
    processors: [
      template([B, A]),
      template([A, E]),
      { type: 'BertProcessing', sep: ['a', 9], cls: ['b', 8] },
    ],
  },
  { type: 'Oracle' },
];

const metaspaceDecoders = ['always', 'first', 'never', undefined].map((prepend_scheme) => ({
  type: 'Metaspace',
  replacement: '▁',
  prepend_scheme,
  split: true,
}));
export const decoders = (): JsonObject[] => [
  ...metaspaceDecoders,
  { type: 'Metaspace', replacement: '_', add_prefix_space: true },
  { type: 'Metaspace', replacement: 'Ġ' },
  { type: 'ByteFallback' },
  { type: 'Fuse' },
  { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
  ...[' ', 'Ġ', 'a', 'e'].flatMap((content) =>
    [
      [0, 0],
      [1, 0],
      [3, 0],
      [0, 1],
    ].map(([start, stop]) => ({ type: 'Strip', content, start, stop })),
  ),
  ...['Ġ', ''].flatMap((text) =>
    ['', ' ', '$&'].map((content) => ({ type: 'Replace', pattern: { String: text }, content })),
  ),
  { type: 'Replace', pattern: { Regex: '[aĠ]+' }, content: '$1' },
  ...[true, false].flatMap((cleanup) =>
    ['##', 'Ġ', ''].map((prefix) => ({ type: 'WordPiece', prefix, cleanup })),
  ),
  ...['</w>', 'e', ''].map((suffix) => ({ type: 'BPEDecoder', suffix })),
  ...[true, false].map((cleanup) => ({ type: 'CTC', pad_token: 'a', word_delimiter_token: 'Ġ', cleanup })),
  {
    type: 'Sequence',
    decoders: [
      { type: 'Replace', pattern: { String: 'Ġ' }, content: ' ' },
      { type: 'ByteFallback' },
      { type: 'Fuse' },
      { type: 'Strip', content: ' ', start: 1, stop: 0 },
    ],
  },
  { type: 'Sequence', decoders: [] },
  { type: 'Oracle' },
];

const added = (tokens: readonly JsonObject[]): JsonObject => ({
  added_tokens: [
    ...(bytes['added_tokens'] as JsonObject[]),
    ...numbered(tokens).map((token) => ({
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: false,
      ...token,
    })),
  ],
});
const byteVocabulary = (bytes['model'] as { vocab: Record<string, number> }).vocab;
function numbered(tokens: readonly JsonObject[]): JsonObject[] {
  const ids = new Map<unknown, number>();
  let next = Object.keys(byteVocabulary).length;
  return tokens.map((token) => {
    const content = token['content'] as string;
    const id = ids.get(content) ?? byteVocabulary[content] ?? (content === '' ? 0 : next++);
    ids.set(content, id);
    return { id, ...token };
  });
}
const flags = ['single_word', 'lstrip', 'rstrip', 'normalized', 'special'];
export const addeds = (): JsonObject[] => [
  ...Array.from({ length: 32 }, (_, bits) =>
    added(
      ['a', '<s>', 'Hello', '..', '▁▁', 'b', 'é', 'É', ' c'].map((content) => ({
        content,
        ...Object.fromEntries(flags.map((flag, i) => [flag, ((bits >> i) & 1) === 1])),
      })),
    ),
  ),
  ...Array.from({ length: 8 }, (_, bits) => ({
    ...added(
      ['HELLO', 'É', 'ab', 'a', ' b', '  '].map((content) => ({
        content,
        normalized: true,
        ...Object.fromEntries(flags.slice(0, 3).map((flag, i) => [flag, ((bits >> i) & 1) === 1])),
      })),
    ),
    normalizer: { type: 'Lowercase' },
  })),
  {
    ...added([
      { content: 'a' },
      { content: 'ab' },
      { content: 'abab' },
      { content: '<s>', special: true },
      { content: '<s>', special: true },
    ]),
  },
  added([{ content: 'q', id: 5000 }]),
  added([{ content: '' }]),
];
