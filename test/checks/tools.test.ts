import { expect, test } from 'vitest';
import { runTool } from '../helpers/run-tool.ts';

test.each([
  ['packages type-check', 'tsc', ['-b']],
  ['tests and tools type-check', 'tsc', ['-p', 'tsconfig.tests.json']],
  ['the linter has no complaint', 'oxlint', []],
  ['every file is formatted (pnpm format)', 'oxfmt', ['--check']],
])('%s', async (_, tool, args) => {
  const { code, output } = await runTool(tool, args);
  expect(code, output).toBe(0);
});
