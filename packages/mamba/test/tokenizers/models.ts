import type { JsonObject } from '../../src/checkpoint/json.ts';

const range = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, i) => String.fromCodePoint(from + i));
const letters = [...range(0x20, 0x7f), '▁', 'é', '好', '\n'];
const byteTokens = Array.from(
  { length: 256 },
  (_, i) => `<0x${i.toString(16).toUpperCase().padStart(2, '0')}>`,
);
const vocab = (tokens: readonly string[]): JsonObject =>
  Object.fromEntries([...new Set(tokens)].map((token, i) => [token, i]));
const words = [
  'he',
  'll',
  'hell',
  'hello',
  'wo',
  'or',
  'ld',
  'aa',
  'aaaa',
  'ab',
  'abab',
  '▁▁',
  '▁a',
  '▁H',
  'th',
  'the',
  '..',
];
const merges = [
  'h e',
  'l l',
  'he ll',
  'hell o',
  'w o',
  'o r',
  'l d',
  'a a',
  'aa aa',
  'a b',
  'ab ab',
  '▁ ▁',
  '▁ a',
  '▁ H',
  't h',
  'th e',
  '. .',
];
const bpe = (options: JsonObject, more: readonly string[] = []): JsonObject => ({
  type: 'BPE',
  dropout: null,
  unk_token: null,
  continuing_subword_prefix: null,
  end_of_word_suffix: null,
  fuse_unk: false,
  byte_fallback: false,
  vocab: vocab([...more, ...letters, ...words]),
  merges,
  ...options,
});
const empty = {
  version: '1.0',
  truncation: null,
  padding: null,
  added_tokens: [],
  normalizer: null,
  pre_tokenizer: null,
  post_processor: null,
  decoder: null,
};
const llama = {
  normalizer: {
    type: 'Sequence',
    normalizers: [
      { type: 'Prepend', prepend: '▁' },
      { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
    ],
  },
  decoder: {
    type: 'Sequence',
    decoders: [
      { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
      { type: 'ByteFallback' },
      { type: 'Fuse' },
      { type: 'Strip', content: ' ', start: 1, stop: 0 },
    ],
  },
};
const metaspace = {
  pre_tokenizer: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true },
  decoder: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true },
};
/** Models with every option, small enough to tie and to miss. */
export const models = (): [string, JsonObject][] => [
  ...[
    {},
    { unk_token: '<unk>' },
    { unk_token: '<unk>', fuse_unk: true },
    { unk_token: '<unk>', byte_fallback: true },
    { unk_token: '<unk>', byte_fallback: true, fuse_unk: true },
    { byte_fallback: true },
    { unk_token: '<unk>', end_of_word_suffix: '</w>' },
    { continuing_subword_prefix: '##' },
    { dropout: 0.5 },
    { dropout: 0 },
    { ignore_merges: true, unk_token: '<unk>' },
    { merges: merges.map((merge) => merge.split(' ')), unk_token: '<unk>' },
  ].flatMap((options): [string, JsonObject][] =>
    [
      ['', metaspace],
      ['llama', llama],
      ['plain', {}],
    ].map(([name, parts]) => [
      `BPE ${JSON.stringify(options).slice(0, 90)} ${name as string}`,
      {
        ...empty,
        ...(parts as JsonObject),
        model: bpe(options, ['<unk>', ...('byte_fallback' in options ? byteTokens : [])]),
      },
    ]),
  ),
  [
    'BPE byte_fallback without bytes',
    { ...empty, ...llama, model: bpe({ byte_fallback: true, unk_token: '<unk>' }, ['<unk>']) },
  ],
  ...[
    {},
    { max_input_chars_per_word: 5 },
    { max_input_chars_per_word: 1000 },
    { continuing_subword_prefix: '' },
  ].map((options): [string, JsonObject] => [
    `WordPiece ${JSON.stringify(options)}`,
    {
      ...empty,
      pre_tokenizer: { type: 'BertPreTokenizer' },
      normalizer: {
        type: 'BertNormalizer',
        clean_text: true,
        handle_chinese_chars: true,
        strip_accents: null,
        lowercase: true,
      },
      decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
      model: {
        type: 'WordPiece',
        unk_token: '[UNK]',
        continuing_subword_prefix: '##',
        max_input_chars_per_word: 100,
        vocab: vocab([
          '[UNK]',
          ...letters,
          ...letters.map((l) => `##${l}`),
          ...words,
          ...words.map((w) => `##${w}`),
        ]),
        ...options,
      },
    },
  ]),
  ...[{}, { unk_id: null }, { byte_fallback: true }].flatMap((options): [string, JsonObject][] =>
    [
      ['', metaspace],
      ['plain', {}],
    ].map(([name, parts]) => [
      `Unigram ${JSON.stringify(options)} ${name as string}`,
      {
        ...empty,
        ...(parts as JsonObject),
        model: {
          type: 'Unigram',
          unk_id: 0,
          byte_fallback: false,
          vocab: [
            ['<unk>', 0],
            ...letters.map((l, i) => [l, -5 - i / 100]),
            ...words.map((w, i) => [w, -3 - i / 10]),
          ],
          ...options,
        },
      },
    ]),
  ),
  [
    'WordLevel',
    {
      ...empty,
      pre_tokenizer: { type: 'Whitespace' },
      model: { type: 'WordLevel', unk_token: '<unk>', vocab: vocab(['<unk>', ...words]) },
    },
  ],
];
