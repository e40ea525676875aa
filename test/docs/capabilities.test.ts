import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRegistry } from '@ss/core';
import { cpu } from '@ss/cpu';
import { expect, test } from 'vitest';
import { ROOT } from '../helpers/repository.ts';
import { capabilityTable } from './capabilities.ts';

test('the table of what runs where is what the backends answer', async ({ skip }) => {
  skip(!(await cpu().probe()).available, '@ss/cpu is not built here');
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const table = /<!-- capabilities -->\n(.*?)\n<!-- \/capabilities -->/s.exec(readme)?.[1];
  expect(table).toBe(await capabilityTable(createRegistry()));
});
