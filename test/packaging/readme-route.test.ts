import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtempDisposable, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readJson, ROOT } from '../helpers/repository.ts';
import { runTool } from '../helpers/run-tool.ts';
import { isPacked, packedFolder } from './tarballs.ts';

const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
const [, block = ''] = /install their\ntarballs elsewhere:\n\n```sh\n(.*?)```/s.exec(readme) ?? [];
const commands = block
  .split('\n')
  .map((line) => line.replace(/\s+#.*/, ''))
  .filter(Boolean);

test('the commands of the README put the packages into an empty project, which then runs on cpu', async ({
  skip,
}) => {
  expect(commands).toEqual(['npx --yes pnpm@12 run pack', expect.stringMatching(/^cd .* && npm install /)]);
  // What the first command runs after the build, which these tests have run for themselves already.
  const { scripts } = readJson<{ scripts: Record<string, string> }>('package.json');
  expect(scripts['pack']).toMatch(/ build && node tools\/pack\.ts$/);
  skip(!isPacked('cpu-linux-x64-gnu'), 'the native library is not built here');
  await using folder = await mkdtempDisposable(join(tmpdir(), 'ss-readme-'));
  const [clone, project] = [join(folder.path, 'ss'), join(folder.path, 'your-project')];
  await mkdir(clone);
  await mkdir(project);
  await symlink(packedFolder(), join(clone, 'tarballs'));
  // No package of the house may come from a registry.
  await writeFile(
    join(project, '.npmrc'),
    '@ss:registry=http://localhost:9/\nfetch-retries=0\nprefer-offline=true\n',
  );
  const sh = await runTool('env', ['-u', 'NODE_PATH', 'sh', '-ec', commands[1]!], clone);
  expect(sh.code, sh.output).toBe(0);
  expect(existsSync(join(project, 'node_modules/@ss/mamba'))).toBe(true);
  const { code, output } = await runTool(
    'env',
    ['-u', 'NODE_PATH', 'node_modules/.bin/ss', 'backends'],
    project,
  );
  expect(code, output).toBe(0);
  expect(output).toMatch(/^cpu +chosen/m);
});

test('a package of a native library without the library is not packed', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'ss-pack-'));
  const env = ['env', 'CXX=no-such-compiler', 'node', 'tools/pack.ts', '--to', folder.path];
  const { code, output } = await runTool(env[0]!, env.slice(1));
  expect(output).toContain('--without-native');
  expect(code).toBe(1);
});
