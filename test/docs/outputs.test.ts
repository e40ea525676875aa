import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cpu } from '@ss/cpu';
import { describe, expect, test } from 'vitest';
import { ROOT } from '../helpers/repository.ts';
import { runTool } from '../helpers/run-tool.ts';

const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');

/** Examples with the output that the README shows right below them. */
const shown = [...readme.matchAll(/^```ts\n((?:(?!```).*\n)*)```\n\n```text\n((?:(?!```).*\n)*)```$/gm)].map(
  ({ 1: code = '', 2: output = '' }, i) => ({ nth: i + 1, code, output }),
);

/** Cores and instruction sets are the machine's own. */
const anyMachine = (output: string): string =>
  output
    .replaceAll(/simd \w+/g, 'simd ...')
    .replaceAll(/mode \w+/g, 'mode ...')
    .replaceAll(/isa \w+/g, 'isa ...')
    .replaceAll(/threads \d+/g, 'threads ...')
    .trimEnd();

/** The README shows what a machine does that has every backend. */
const native = (await cpu().probe()).available;
const NO_NATIVE = '@ss/cpu, with which it is shown, is not built here';

describe('the README shows what its examples print', () => {
  test.for(shown)('example $nth', async ({ code, output }, { skip }) => {
    skip(!native, NO_NATIVE);
    const { output: printed } = await runTool(process.execPath, [
      '--input-type=module-typescript',
      '--eval',
      code,
    ]);
    expect(anyMachine(printed)).toBe(anyMachine(output));
  });

  test('there are some', () => expect(shown.length).toBeGreaterThan(1));
});
