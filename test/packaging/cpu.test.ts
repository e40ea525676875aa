import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runTool, type ToolResult } from '../helpers/run-tool.ts';
import { installed } from './consumer.ts';
import { isPacked, tarballOf } from './tarballs.ts';

const platform = 'cpu-linux-x64-gnu';

const library = (): string[] =>
  execFileSync('tar', ['-tzf', tarballOf(platform)], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map((path) => path.replace(/^package\//, ''))
    .filter((path) => /\.(node|so\..+)$/.test(path));

/** Computes on it, and prints which libraries this has loaded. */
const program = `
import { readFileSync } from 'node:fs';
import { createRegistry } from '@ss/core';
const libraries = () => new Set(readFileSync('/proc/self/maps', 'utf8').match(/\\/\\S+\\.(node|so)\\S*/g));
const before = libraries();
const engine = await createRegistry().select({ require: 'cpu' });
const x = engine.tensor([1, 2]);
const sum = [...await engine.add({ a: x, b: x }).read()];
console.log(JSON.stringify({ sum, loaded: [...libraries().difference(before)] }));
`;

const ofTheSystem = /\/(ld-linux-[\w-]+|lib(c|m|dl|rt|pthread|stdc\+\+|gcc_s))[.-]/;

/** Runs a command that sees nothing of this repository: package managers leave a path to it. */
const alone = (command: readonly string[], folder: string): Promise<ToolResult> =>
  runTool('env', ['-u', 'NODE_PATH', ...command], folder);

const NO_NATIVE = 'the native library is not built here';

test('the native library runs from its package, with all it needs beside it', async ({ skip }) => {
  skip(!isPacked(platform), NO_NATIVE);
  await using consumer = await installed('@ss/cpu');
  await writeFile(join(consumer.folder, 'main.ts'), program);
  const hidden = copiesOfTheSystem(library());
  // In a mount namespace of its own, where the system's copies are empty files.
  const hide = hidden.map((path) => `mount --bind /dev/null ${path}`).join(' && ');
  const namespaces = spawnSync('unshare', ['--mount', 'true']).status === 0;
  const command = namespaces && hide ? `${hide} && exec "$0" main.ts` : 'exec "$0" main.ts';
  const wrapped = namespaces
    ? ['unshare', '--mount', 'sh', '-c', command, process.execPath]
    : ['sh', '-c', command, process.execPath];
  const { code, output } = await alone(wrapped, consumer.folder);
  expect(code, output).toBe(0);
  const { sum, loaded } = JSON.parse(output) as { sum: number[]; loaded: string[] };
  expect(sum).toEqual([2, 4]);
  const folder = join(consumer.folder, 'node_modules/@ss', platform);
  const own = loaded.filter((path) => !ofTheSystem.test(path));
  expect(own.toSorted()).toEqual(
    library()
      .map((file) => join(folder, file))
      .toSorted(),
  );
});

test('without the package of this platform, what is missing is said and the next backend taken', async () => {
  await using consumer = await installed('@ss/cpu');
  await writeFile(
    join(consumer.folder, 'main.ts'),
    `import { createRegistry } from '@ss/core';
     const engine = await createRegistry().select();
     console.log(String(engine.decision));`,
  );
  await runTool('rm', ['-r', join('node_modules/@ss', platform)], consumer.folder);
  const { code, output } = await alone(['node', 'main.ts'], consumer.folder);
  expect(code, output).toBe(0);
  expect(output).toMatch(/cpu +blocked .*native library .*(npm install @ss\/cpu-|Use )/);
  expect(output).toMatch(/reference +chosen/);
});

test('doctor says where the package of this platform was packed without its library', async ({ skip }) => {
  skip(!isPacked(platform), NO_NATIVE);
  await using consumer = await installed('@ss/cli');
  for (const file of library()) await rm(join(consumer.folder, 'node_modules/@ss', platform, file));
  const { code, output } = await alone([process.execPath, 'node_modules/.bin/ss', 'doctor'], consumer.folder);
  expect(output).toMatch(/cpu +fails +@ss\/cpu-linux-x64-gnu is installed without its native library/);
  expect(output).toMatch(
    /^verdict\n +only a slower backend works\n +problem: cpu does not work: .*ss-cpu\.node/m,
  );
  expect(code).toBe(1);
});

test('no package runs anything when it is installed', () => {
  for (const name of ['cpu', platform].filter(isPacked)) {
    const manifest = execFileSync('tar', ['-xzOf', tarballOf(name), 'package/package.json'], {
      encoding: 'utf8',
    });
    const { scripts = {} } = JSON.parse(manifest) as { scripts?: Record<string, string> };
    expect(Object.keys(scripts).filter((script) => /install|^prepare$/.test(script))).toEqual([]);
  }
});

function copiesOfTheSystem(files: readonly string[]): string[] {
  return ['/usr/lib/x86_64-linux-gnu', '/usr/lib64', '/usr/local/lib'].flatMap((folder) => {
    try {
      return readdirSync(folder)
        .filter((file) => files.includes(file))
        .map((file) => join(folder, file));
    } catch {
      return [];
    }
  });
}
