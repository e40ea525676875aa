import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { repositoryFiles, ROOT } from '../helpers/repository.ts';
import { runTool } from '../helpers/run-tool.ts';
import { examplesIn } from './examples.ts';

// Inside the workspace, so that an example finds @ss as a program would.
const FOLDER = join(import.meta.dirname, '.examples');
const fileOf = (place: string): string => join(FOLDER, `${place.replaceAll(/[^\w.]/g, '-')}.ts`);

const examples = repositoryFiles('README.md', 'docs/*.md', 'packages/*/README.md').flatMap((path) =>
  examplesIn(path, readFileSync(join(ROOT, path), 'utf8')),
);

beforeAll(() => {
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER);
  writeFileSync(
    join(FOLDER, 'tsconfig.json'),
    '{ "extends": "../../../tsconfig.tests.json", "include": ["*"] }',
  );
  for (const { place, code } of examples) writeFileSync(fileOf(place), `${code}\nexport {};\n`);
});

describe('the examples of the documents', () => {
  test('type-check', async ({ skip }) => {
    skip(examples.length === 0, 'no document has an example');
    const { code, output } = await runTool('tsc', ['-p', FOLDER]);
    expect(code, output).toBe(0);
  });

  test.for(examples)('$place runs', async ({ place, noRun }, { skip }) => {
    if (noRun !== undefined) skip(`${place}: ${noRun}`);
    const { code, output } = await runTool(process.execPath, [fileOf(place)]);
    expect(code, output).toBe(0);
  });
});

test('an example is a block with its place, its code and perhaps why it does not run', () => {
  const markdown = [
    '# Title',
    '```ts',
    'one();',
    '```',
    '```sh',
    'npm install',
    '```',
    '```ts no-run: needs a GPU',
    'two();',
    '```',
  ].join('\n');
  expect(examplesIn('a.md', markdown)).toEqual([
    { place: 'a.md:2', code: 'one();\n' },
    { place: 'a.md:8', code: 'two();\n', noRun: 'needs a GPU' },
  ]);
});

test('a fence cannot opt out without a reason', () => {
  expect(() => examplesIn('a.md', '```ts no-run\none();\n```')).toThrow('a.md:1');
});
