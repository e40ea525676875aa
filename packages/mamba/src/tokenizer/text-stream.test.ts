import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CounterRandom } from '@ss/mamba-block';
import { describe, expect, test } from 'vitest';
import { trained } from '../../test/trained-model.ts';
import { TextStream } from './text-stream.ts';
import { createTokenizer } from './tokenizer.ts';
import type { Tokenizer } from './tokenizer.ts';

const tokenizer = createTokenizer(
  JSON.parse(readFileSync(join(trained, 'tokenizer.json'), 'utf8')) as Record<string, unknown>,
);

function pieces(ids: readonly number[], of: Tokenizer = tokenizer): string[] {
  const stream = new TextStream(of);
  return [...ids.map((id) => stream.push(id)), stream.end()];
}

describe('text as it comes', () => {
  test.for([
    'To be, or not to be',
    'naïve café',
    '日本語のテキスト',
    '👩‍👩‍👧‍👦 and 🏳️‍🌈!',
    'a\u0000b\uFFFDc',
    ' ',
    '\n\n',
  ])('adds up to %j and never shows half a character', (text) => {
    const shown = pieces(tokenizer.encode(text));
    expect(shown.join('')).toBe(text);
    if (!text.includes('\uFFFD')) expect(shown.join('|')).not.toContain('\uFFFD');
  });

  test('adds up to what decoding all ids at once gives, for any ids', () => {
    const random = new CounterRandom(17);
    for (let round = 0; round < 300; round++) {
      // Ids below 257 are single bytes, most of them no characters of their own.
      const most = round % 2 === 0 ? 257 : tokenizer.vocabulary;
      const ids = Array.from({ length: 14 }, () => 1 + Math.floor(random.next() * (most - 1)));
      expect(pieces(ids).join('')).toBe(tokenizer.decode(ids));
    }
  });

  test('of nothing but broken bytes is not held back for ever', () => {
    const continuation = tokenizer.encode('é')[1]!;
    const shown = pieces(Array.from({ length: 100 }, () => continuation));
    expect(shown.slice(0, 40).join('').length).toBeGreaterThan(20);
    expect(shown.join('').length).toBe(100);
  });

  test('keeps the spaces between words of tokenizers that drop the first one', () => {
    const words = ['▁to', '▁be', '▁or'];
    const metaspace = createTokenizer({
      model: { type: 'BPE', vocab: Object.fromEntries(words.map((word, id) => [word, id])), merges: [] },
      decoder: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true },
    });
    expect(pieces([0, 1, 2], metaspace)).toEqual(['to', ' be', ' or', '']);
  });
});

describe('a tokenizer', () => {
  test('counts its vocabulary with added tokens', () => {
    expect(tokenizer.vocabulary).toBe(1024);
    const more = createTokenizer(
      {
        model: { type: 'BPE', vocab: { a: 0, b: 1 }, merges: [] },
        added_tokens: [{ id: 2, content: '<end>', special: true }],
      },
      { eos_token: { content: '<end>' } },
    );
    expect(more.vocabulary).toBe(3);
    expect(more.eosIds).toEqual([2]);
    expect(more.decode([2])).toBe('');
  });

  test.for([
    ['nothing', {}, 'no vocabulary'],
    ['an empty vocabulary', { model: { type: 'BPE', vocab: {}, merges: [] } }, 'no vocabulary'],
    ['ids that are no numbers', { model: { type: 'BPE', vocab: { a: 'x' }, merges: [] } }, 'the id "x"'],
    ['an id no memory holds', { model: { type: 'BPE', vocab: { a: 4e9 }, merges: [] } }, 'the id 4000000000'],
    ['an unknown model', { model: { type: 'Oracle', vocab: { a: 0 }, merges: [] } }, 'Oracle'],
    [
      'an unknown decoder',
      { model: { type: 'BPE', vocab: { a: 0 }, merges: [] }, decoder: { type: 'Oracle' } },
      'Oracle',
    ],
    ['merges of nothing', { model: { type: 'BPE', vocab: { a: 0 }, merges: 7 } }, ''],
  ] as const)('with %s is refused', ([, json, part]) => {
    expect(() => createTokenizer(json)).toThrow(
      expect.objectContaining({ code: 'tokenizer-invalid', message: expect.stringContaining(part) }),
    );
  });
});
