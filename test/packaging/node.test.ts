import { readFileSync } from 'node:fs';
import { symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runTool } from '../helpers/run-tool.ts';
import { installed } from './consumer.ts';
import { nodeEntry } from './entries.ts';
import { isMissing, NO_NODE_22, nodes } from './nodes.ts';
import { MODEL, programs } from './programs.ts';

describe.each(nodes)('%s', (_, node) => {
  test.for(programs)('runs $name from the tarballs', async ({ name, packages, answer }, { skip }) => {
    skip(isMissing(node), NO_NODE_22);
    await using consumer = await installed(...packages);
    await symlink(MODEL, join(consumer.folder, 'model'));
    await writeFile(join(consumer.folder, 'main.ts'), nodeEntry(name));
    const { code, output } = await runTool(node, ['main.ts'], consumer.folder);
    expect(code, output).toBe(0);
    expect(JSON.parse(readFileSync(join(consumer.folder, 'result.json'), 'utf8'))).toEqual(answer);
  });
});
