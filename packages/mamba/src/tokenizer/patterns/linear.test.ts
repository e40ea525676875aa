import { CounterRandom } from '@ss/mamba-block';
import { describe, expect, test } from 'vitest';
import { patterns } from '../../../test/tokenizers/patterns.ts';
import { createTokenizer } from '../tokenizer.ts';
import { compilePattern } from './compile.ts';
import { requireLinear } from './linear.ts';

/** A tokenizer of 366 bytes that would keep a program busy until the sun goes out. */
const endless = {
  version: '1.0',
  truncation: null,
  padding: null,
  added_tokens: [],
  normalizer: null,
  pre_tokenizer: {
    type: 'Split',
    pattern: { Regex: '(a+)+$' },
    behavior: 'Isolated',
    invert: false,
  },
  post_processor: null,
  decoder: null,
  model: { type: 'BPE', vocab: { a: 0, b: 1 }, merges: [] },
};

test('a pattern without end is refused when it is loaded', () => {
  expect(() => createTokenizer(endless)).toThrow(
    expect.objectContaining({
      code: 'tokenizer-unsupported',
      message: expect.stringContaining('"(a+)+$": $ may fail after something that repeats without bound'),
    }),
  );
});

test.for([
  '(a*)*',
  '(a|a)*b',
  '(a|aa)+$',
  'a*a*b',
  'a+b',
  String.raw`\s+$|x`,
  '(.*)+x',
  '(a?)+',
  '((a+)b?)*c',
  `${'(?:a|a)'.repeat(30)}b`,
  'a?'.repeat(40) + 'a'.repeat(40),
  '(?:a{1,200}){1,200}b',
  'a{5000}b',
  '(?=a+)',
  '(?<=a*)b',
  '(?!.*x)',
  String.raw`(a)\1`,
  String.raw`(?<x>a)\k<x>`,
  '(?>a+)b',
  'a**',
  'a{2}{3}',
  String.raw`\s*[\r\n]+`,
  '[ab]*[bc]+',
  '[ab]*[bc]+x|[ab]+[bc]*x',
  '(',
  ')',
  '[a',
  String.raw`[\k]`,
  'a{2}+',
])('%j is refused', (pattern) => {
  expect(() => requireLinear(pattern)).toThrow(SyntaxError);
});

/** Texts in which long runs end in something else, or in nothing. */
const runs = [
  'a',
  'A',
  'b',
  ' ',
  '\n',
  '\r',
  '1',
  '.',
  '好',
  '\u0301',
  "'",
  'aA',
  ' \n',
  'ab',
  '\n ',
  "'s",
].flatMap((unit) => ['', 'x', '\n', ' ', '!', '\u0000'].map((end) => unit.repeat(20_000) + end));

test('added tokens of white space that take white space end soon', () => {
  const tokenizer = createTokenizer({
    ...endless,
    pre_tokenizer: null,
    added_tokens: [
      {
        id: 2,
        content: ' ',
        special: false,
        normalized: false,
        single_word: false,
        lstrip: true,
        rstrip: true,
      },
    ],
  });
  expect(tokenizer.encode(' '.repeat(1e6))).toEqual([2]);
});

test('a stretch of ten million characters, more than there is room for, is one coded error', () => {
  const tokenizer = createTokenizer({
    ...endless,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, use_regex: true },
  });
  expect(() => tokenizer.encode('好'.repeat(1e7))).toThrow(
    expect.objectContaining({ code: 'tokenizer-invalid' }),
  );
});

describe('whatever is taken ends soon', () => {
  // The first are those of released models; of quadratic time these would take hours.
  test.for(patterns.slice(0, 17))('%j', (pattern) => {
    const compiled = compilePattern({ Regex: pattern });
    for (const text of runs)
      expect([...text.matchAll(compiled)].join('').length).toBeLessThanOrEqual(text.length);
  });

  test('patterns put together at random', () => {
    const random = new CounterRandom(5);
    const pick = <T>(all: readonly T[]): T => all[Math.floor(random.next() * all.length)]!;
    const atoms = [
      'a',
      'b',
      '[ab]',
      String.raw`\s`,
      '[^a]',
      '.',
      String.raw`\p{L}`,
      '(?!b)',
      '(?=a)',
      '$',
      '^',
    ];
    const times = ['', '', '?', '*', '+', '{1,3}', '{2,}', '*?', '++'];
    const make = (depth: number): string => {
      const items = Array.from({ length: 1 + Math.floor(random.next() * 3) }, () =>
        depth > 0 && random.next() < 0.3
          ? `(${Array.from({ length: 1 + Math.floor(random.next() * 2) }, () => make(depth - 1)).join('|')})${pick(times)}`
          : pick(atoms) + pick(times),
      );
      return items.join('');
    };
    let taken = 0;
    for (let i = 0; i < 3000; i++) {
      const pattern = `${make(2)}|${make(1)}`;
      let compiled: RegExp;
      try {
        compiled = compilePattern({ Regex: pattern });
      } catch {
        continue;
      }
      taken++;
      for (const text of ['a'.repeat(3000), `${'ab'.repeat(1500)}c`, `${' '.repeat(3000)}x`])
        for (const _ of text.matchAll(compiled));
    }
    expect(taken).toBeGreaterThan(100);
  });
});
