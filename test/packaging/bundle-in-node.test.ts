import { readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runTool } from '../helpers/run-tool.ts';
import { esbuildForNode } from './bundle.ts';
import { installed } from './consumer.ts';
import { MODEL, programs } from './programs.ts';

test.for(programs)('$name, bundled by esbuild, runs in Node without node_modules', async (program) => {
  await using consumer = await installed(...program.packages);
  const { folder, warnings } = await esbuildForNode(consumer.folder, program.name);
  expect(warnings).toEqual([]);
  symlinkSync(MODEL, join(folder, 'model'));
  rmSync(join(consumer.folder, 'node_modules'), { recursive: true });
  const { code, output } = await runTool(process.execPath, ['main.js'], folder);
  expect(code, output).toBe(0);
  expect(JSON.parse(readFileSync(join(folder, 'result.json'), 'utf8'))).toEqual(program.answer);
});
