import type { JsonObject } from '../../src/checkpoint/json.ts';
import { models } from './models.ts';
import * as parts from './parts.ts';

export type Named = readonly [name: string, tokenizer: JsonObject];

/** Every part that the format has, with its options, one at a time, by kind. */
export const tokenizers: Readonly<Record<string, () => Named[]>> = {
  'pre-tokenizers': () => named('pre_tokenizer', parts.preTokenizers()),
  patterns: () => named('pre_tokenizer', parts.splits()),
  'ByteLevel alone': () =>
    [true, false]
      .flatMap((add_prefix_space) => [true, false].map((use_regex) => ({ add_prefix_space, use_regex })))
      .map((options): Named => [
        JSON.stringify(options),
        {
          ...parts.bytes,
          normalizer: null,
          pre_tokenizer: { type: 'ByteLevel', trim_offsets: true, ...options },
        },
      ]),
  normalizers: () => named('normalizer', parts.normalizers()),
  'normalizers before a prefix': () =>
    parts.normalizers().map((normalizer): Named => [
      JSON.stringify(normalizer),
      parts.byteTokenizer({
        normalizer,
        pre_tokenizer: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'first', split: true },
      }),
    ]),
  'post-processors': () => named('post_processor', parts.postProcessors()),
  decoders: () => [
    ...named('decoder', parts.decoders()),
    ['no decoder', parts.byteTokenizer({ decoder: null })],
  ],
  'added tokens': () => parts.addeds().map((added, i): Named => [`${i}`, parts.byteTokenizer(added)]),
  models,
};

function named(kind: string, all: readonly JsonObject[]): Named[] {
  return all.map((part) => [JSON.stringify(part), parts.byteTokenizer({ [kind]: part })]);
}
