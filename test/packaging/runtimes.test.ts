import { readFileSync } from 'node:fs';
import { symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cpu } from '@ss/cpu';
import { describe, expect, test } from 'vitest';
import { runTool } from '../helpers/run-tool.ts';
import { installed } from './consumer.ts';
import { nodeEntry } from './entries.ts';
import { MODEL, programs } from './programs.ts';
import { isMissing, notHere, runtimes } from './runtimes.ts';

// The package of the platform holds a library where one was built.
const native = (await cpu().probe()).available;

describe.each(runtimes)('$name', (runtime) => {
  const missing = isMissing(runtime);
  const [program, ...args] = runtime.command;

  test.for(programs)('runs $name from the tarballs', async ({ name, packages, answer }, { skip }) => {
    skip(missing, notHere(runtime));
    await using consumer = await installed(...packages);
    await symlink(MODEL, join(consumer.folder, 'model'));
    await writeFile(join(consumer.folder, 'main.ts'), nodeEntry(name));
    const { code, output } = await runTool(program, [...args, 'main.ts'], consumer.folder);
    expect(code, output).toBe(0);
    expect(JSON.parse(readFileSync(join(consumer.folder, 'result.json'), 'utf8'))).toEqual(answer);
  });

  test.for(['wasm', 'cpu'])('holds %s to the golden scans', async (backend, { skip }) => {
    skip(missing, notHere(runtime));
    skip(backend === 'cpu' && !native, 'the native library is not built here');
    await using consumer = await installed('@ss/cli');
    const kit = [
      'conformance',
      '--backend',
      backend,
      '--cases',
      'golden/selectiveScan/*',
      '--json',
      '--quiet',
    ];
    const bin = 'node_modules/@ss/cli/dist/bin.js';
    const { code, output } = await runTool(program, [...args, bin, ...kit], consumer.folder);
    expect(code, output).toBe(0);
    const report = JSON.parse(output) as { passed: number };
    expect(report).toMatchObject({ backend, failed: 0 });
    expect(report.passed).toBeGreaterThan(0);
  });
});
