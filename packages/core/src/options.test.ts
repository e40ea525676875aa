import { describe, expect, test } from 'vitest';
import { nearestName } from './known-names.ts';
import { checkOptions } from './options.ts';
import { checkThreads } from './threads.ts';

const generate = {
  maxTokens: 'max_new_tokens n_predict',
  temperature: 'do_sample',
  topK: true,
  topP: true,
  repetitionPenalty: 'repeat_penalty',
  stop: true,
  seed: true,
  signal: 'abortSignal',
} as const;

test.each([
  ['max_new_tokens', 'maxTokens'],
  ['n_predict', 'maxTokens'],
  ['max_tokens', 'maxTokens'],
  ['maxTokens ', 'maxTokens'],
  ['maxTokns', 'maxTokens'],
  ['top_k', 'topK'],
  ['topk', 'topK'],
  ['do_sample', 'temperature'],
  ['temprature', 'temperature'],
  ['repetition_penalty', 'repetitionPenalty'],
  ['repeat_penalty', 'repetitionPenalty'],
  ['sotp', 'stop'],
  ['abortSignal', 'signal'],
  ['colour', undefined],
  ['__proto__', undefined],
  ['constructor', undefined],
])('%j probably means %j', (name, meant) => {
  expect(nearestName(name, generate)).toBe(meant);
});

describe('an object of options', () => {
  const names = { maxTokens: true, seed: true } as const;

  test('may be left out, lack options, and have those that are undefined', () => {
    for (const given of [undefined, {}, { seed: 1 }, { nonsense: undefined }])
      checkOptions('f()', given, names);
  });

  test('with another name is refused, with the one that was meant', () => {
    expect(() => checkOptions('f()', { max_new_tokens: 1 }, names)).toThrow(
      expect.objectContaining({
        code: 'argument-unknown',
        message: 'f() has no option max_new_tokens. Did you mean maxTokens?',
      }),
    );
    expect(() => checkOptions('f()', { colour: 1 }, names)).toThrow(
      'f() has no option colour. It has maxTokens, seed.',
    );
  });

  test.each([null, 1, 'x', [], () => 1])('is not %o', (given) => {
    expect(() => checkOptions('f()', given, names)).toThrow(
      expect.objectContaining({ code: 'argument-invalid' }),
    );
  });
});

test.each([0, -1, 1.5, NaN, Infinity, 257, 9999, '4', true, null])(
  '%o is no number of threads, and cores are named',
  (value) => {
    expect(() => checkThreads('threads', value)).toThrow(
      expect.objectContaining({
        code: 'argument-invalid',
        message: expect.stringMatching(
          /^threads is .+ where a whole number from 1 to 256 is wanted\. There (is 1|are \d+) cores? here\./,
        ),
      }),
    );
  },
);
