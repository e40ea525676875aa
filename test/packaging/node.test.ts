import { existsSync, readFileSync } from 'node:fs';
import { symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ROOT } from '../helpers/repository.ts';
import { runTool } from '../helpers/run-tool.ts';
import { installed } from './consumer.ts';
import { nodeEntry } from './entries.ts';
import { MODEL, programs } from './programs.ts';

/** The oldest Node that the packages promise, from npm where its platform has one. */
const NODE_22 = join(ROOT, 'test/node_modules/node22/bin/node');

describe.each([
  ['Node 22', NODE_22],
  ['the current Node', process.execPath],
])('%s', (_, node) => {
  test.for(programs)('runs $name from the tarballs', async ({ name, packages, answer }, { skip }) => {
    skip(!existsSync(node), 'no Node 22 for this platform in the workspace');
    await using consumer = await installed(...packages);
    await symlink(MODEL, join(consumer.folder, 'model'));
    await writeFile(join(consumer.folder, 'main.ts'), nodeEntry(name));
    const { code, output } = await runTool(node, ['main.ts'], consumer.folder);
    expect(code, output).toBe(0);
    expect(JSON.parse(readFileSync(join(consumer.folder, 'result.json'), 'utf8'))).toEqual(answer);
  });
});
