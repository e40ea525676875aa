import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { expect, test } from 'vitest';
import { createProgram } from './program.ts';
import { Work } from './work.ts';

const page = readFileSync(join(import.meta.dirname, '../../../docs/cli.md'), 'utf8');

function optionsOf(command: Command, path: string): { path: string; flag: string }[] {
  const own = command.options.filter(({ hidden }) => !hidden).map(({ long }) => ({ path, flag: long! }));
  return [...own, ...command.commands.flatMap((sub) => optionsOf(sub, `${path} ${sub.name()}`))];
}

using work = new Work();
const all = optionsOf(createProgram(work), 'ss').filter(({ flag }) => flag !== '--version');

test.each(all)('$path $flag is on the page', ({ path, flag }) => {
  expect(page).toContain(path);
  expect(page).toMatch(new RegExp(`\`[^\`]*${flag}\\b`));
});
