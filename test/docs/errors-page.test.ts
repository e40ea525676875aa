import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { repositoryFiles, ROOT } from '../helpers/repository.ts';

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

/** Codes on the page, each with the first line below its heading. */
const page = new Map(
  [...read('docs/errors.md').matchAll(/^### `([\w-]+)`\n(.*)$/gm)].map(({ 1: code, 2: sentence }) => [
    code,
    sentence,
  ]),
);

const sources = repositoryFiles('packages/*/src/*.ts')
  .filter((path) => !path.endsWith('.test.ts'))
  .map(read);

/** Codes with their sentences, as the packages' tables of errors (`coreErrors` and the like) have them. */
const listed = sources
  .flatMap((source) => [...source.matchAll(/^export const \w+Errors = \{(.*?)^\}/gms)])
  .flatMap(({ 1: body = '' }) => [...body.matchAll(/^ {2}'?([a-z-]+)'?:\s*(['"])(.*?)\2,$/gm)])
  .map(({ 1: code = '', 3: sentence = '' }) => ({ code, sentence }));

/** Codes where an error is made in place. */
const made = sources.flatMap((source) =>
  [...source.matchAll(/new SsError(?:<[^>]*>)?\(\s*'([a-z-]+)'/g)].map((match) => match[1]!),
);

test.each(listed)(
  '$code has its entry, with the sentence that the package gives it',
  ({ code, sentence }) => {
    expect(page.get(code)).toBe(sentence);
  },
);

test('every code that is made has its entry', () => {
  expect(made.filter((code) => !page.has(code))).toEqual([]);
});

test('no entry is left of a code that is gone', () => {
  const known = new Set([...made, ...listed.map(({ code }) => code)]);
  expect([...page.keys()].filter((code) => !known.has(code!))).toEqual([]);
});
