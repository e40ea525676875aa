import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { trained } from '../../test/trained-model.ts';
import type { JsonObject } from '../checkpoint/json.ts';
import { loadModel } from '../load-model.ts';
import type { MambaModel } from '../model.ts';
import { createTokenizer } from '../tokenizer/tokenizer.ts';
import { Shown } from './shown.ts';
import { withDefaults } from './options.ts';
import type { GenerateOptions } from './options.ts';

const json = JSON.parse(readFileSync(join(trained, 'tokenizer.json'), 'utf8')) as JsonObject;
/** The tokenizer of the tiny model, with a token that begins every text. */
const beginning = createTokenizer({
  ...json,
  post_processor: {
    type: 'TemplateProcessing',
    single: [{ SpecialToken: { id: '<|endoftext|>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
    pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }],
    special_tokens: { '<|endoftext|>': { id: '<|endoftext|>', ids: [0], tokens: ['<|endoftext|>'] } },
  },
});

/** What is shown of these ids, and why it ends. */
function shown(ids: readonly number[], options: GenerateOptions): [text: string, end: string | undefined] {
  const one = new Shown(beginning, withDefaults({ stopIds: [], ...options }, []), {
    before: [],
    goesOn: false,
  });
  let all = '';
  for (const [index, id] of ids.entries()) {
    const { text, end } = one.add(id, index);
    all += text;
    if (end !== undefined) return [all, end];
  }
  return [all, undefined];
}

describe('a stop string that is a special token', () => {
  const ids = [
    ...beginning.encode('Good morrow.', { continued: true }),
    0,
    ...beginning.encode('No', { continued: true }),
  ];

  test('stops, and is not shown', () => {
    expect(shown(ids, { stop: '<|endoftext|>' })).toEqual(['Good morrow.', 'stop-string']);
  });

  test('stops as a part of one', () => {
    expect(shown(ids, { stop: 'row.<|endoftext|>' })).toEqual(['Good mor', 'stop-string']);
    expect(shown(ids, { stop: '<|endoftext|>No' })).toEqual(['Good morrow.', 'stop-string']);
    expect(shown(ids, { stop: '|>N' })).toEqual(['Good morrow.', 'stop-string']);
  });

  test('held back for nothing is still not shown', () => {
    expect(shown(ids, { stop: '<|endoftext|>Nay', maxTokens: ids.length })).toEqual([
      'Good morrow.No',
      'length',
    ]);
  });
});

describe('a session', async () => {
  const plain = await loadModel(trained, { backend: 'reference' });
  const model: MambaModel = plain.with({ tokenizer: beginning });
  afterAll(async () => {
    await model.dispose();
    await plain.dispose();
  });
  const options = { temperature: 0, maxTokens: 3, stopIds: [] };

  test('has one token that begins it, however many prompts', async () => {
    using session = model.session();
    await session.prefill('ROMEO:\n');
    await session.prefill('I love');
    await model.generate(' thee', { ...options, state: session }).text();
    expect(session.tokens.filter((id) => id === 0)).toEqual([0]);
    expect(session.tokens.slice(0, -3)).toEqual([
      0,
      ...['ROMEO:\n', 'I love', ' thee'].flatMap((text) => plain.encode(text)),
    ]);
    session.rewind(0);
    await session.prefill('ROMEO');
    expect(session.tokens[0]).toBe(0);
  });

  test('has one, too, when generations wait for each other', async () => {
    using session = model.session();
    const [first, second] = ['ROMEO:\n', 'JULIET:\n'].map((prompt) =>
      model.generate(prompt, { ...options, state: session }),
    );
    await first!.text();
    await second!.text();
    expect(session.tokens.filter((id) => id === 0)).toEqual([0]);
  });

  test('shows what its generations show together, though characters are parted', async () => {
    using session = model.session();
    const [a, b, c] = plain.encode('好');
    await session.prefill([...plain.encode('ROMEO'), a!]);
    const drawn = [b!, c!];
    const texts: string[] = [];
    for (const id of drawn) {
      const one = new Shown(beginning, withDefaults({ maxTokens: 1, stopIds: [] }, []), {
        before: session.tokens,
        goesOn: true,
      });
      texts.push(one.add(id, 0).text);
      await session.prefill([id]);
    }
    expect(texts).toEqual(['', '好']);
  });
});
