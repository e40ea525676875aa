import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRegistry } from '@ss/core';
import { cpu } from '@ss/cpu';
import { wasm } from '@ss/wasm';
import { webgpu } from '@ss/webgpu';
import { create } from 'webgpu';
import { expect, test } from 'vitest';
import { ROOT } from '../helpers/repository.ts';
import { capabilityTable } from './capabilities.ts';

// An adapter that computes nothing: what is accepted does not depend on it.
const gpu = create(['backend=null']);
const registry = createRegistry([cpu(), wasm(), webgpu({ gpu })]);

test('the table of what runs where is what the backends answer', async ({ skip }) => {
  skip(!(await cpu().probe()).available, '@ss/cpu is not built here');
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const table = /<!-- capabilities -->\n(.*?)\n<!-- \/capabilities -->/s.exec(readme)?.[1];
  expect(table).toBe(await capabilityTable(registry));
});
