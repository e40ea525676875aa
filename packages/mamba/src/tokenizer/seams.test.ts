import { CounterRandom } from '@ss/mamba-block';
import { expect, test } from 'vitest';
import { adversarialTexts } from '../../test/tokenizers/adversarial-texts.ts';
import { models } from '../../test/tokenizers/models.ts';
import { bytes } from '../../test/tokenizers/parts.ts';
import { TextStream } from './text-stream.ts';
import { createTokenizer } from './tokenizer.ts';
import type { Tokenizer } from './tokenizer.ts';

const words = ['▁The', '▁cat', '▁sat', '.', '<s>'];
const metaspace = createTokenizer({
  model: { type: 'BPE', vocab: Object.fromEntries(words.map((word, id) => [word, id])), merges: [] },
  added_tokens: [{ id: 4, content: '<s>', special: true }],
  decoder: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true },
});

/** The text of ids that come after others; `last` says whether there will be more. */
function textOf(
  tokenizer: Tokenizer,
  before: readonly number[],
  ids: readonly number[],
  last: boolean,
): string {
  const stream = new TextStream(tokenizer, before);
  return ids.map((id) => stream.push(id)).join('') + (last ? stream.end() : '');
}

test('text goes on from the prompt', () => {
  expect(textOf(metaspace, [0], [1, 2, 3], true)).toBe(' cat sat.');
  expect(textOf(metaspace, [], [1, 2, 3], true)).toBe('cat sat.');
  expect(textOf(metaspace, [4], [1, 2, 3], true)).toBe('cat sat.');
  expect(textOf(metaspace, [4, 0, 4, 4], [4, 1, 4, 2], true)).toBe(' cat sat');
});

test('a character that begins before the seam comes whole after it', () => {
  const byteLevel = createTokenizer(bytes);
  const [first, ...others] = byteLevel.encode('好');
  expect(textOf(byteLevel, [first!], others, true)).toBe('好');
  expect(textOf(byteLevel, byteLevel.encode('a').concat(first!), others, true)).toBe('好');
  expect(textOf(byteLevel, [first!], byteLevel.encode('a'), true)).toBe('\uFFFDa');
});

test.for<readonly [string, Tokenizer]>([
  ['bytes', createTokenizer(bytes)],
  ...models()
    .filter(([name]) => name.startsWith('BPE {"unk_token":"<unk>"') && !name.includes('suffix'))
    .map(([name, json]) => [name, createTokenizer(json)] as const),
])('wherever ids are parted, the texts add up: %s', ([, tokenizer]) => {
  const random = new CounterRandom(3);
  for (const text of adversarialTexts) {
    const ids = tokenizer.encode(text);
    // A replacement character of the text's own is like one that stands for broken bytes.
    if (tokenizer.decode(ids).includes('\uFFFD')) continue;
    for (let round = 0; round < 4; round++) {
      const cuts = [random.next(), random.next()]
        .map((x) => Math.floor(x * (ids.length + 1)))
        .toSorted((a, b) => a - b);
      const edges = [0, ...cuts, ids.length];
      const all = edges
        .slice(0, -1)
        .map((from, i) => textOf(tokenizer, ids.slice(0, from), ids.slice(from, edges[i + 1]), i === 2));
      expect(all.join('')).toBe(tokenizer.decode(ids));
    }
  }
});
