import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runTool } from '../helpers/run-tool.ts';
import { tarballs } from './tarballs.ts';

/** A project outside the repository that has installed some packages and holds the test programs. */
export interface Consumer extends AsyncDisposable {
  readonly folder: string;
}

/**
 * Installs `names` from their tarballs, and nothing else, into an empty project. What they depend on among
 * `@ss` comes from the sibling tarballs too: the registry named for the scope answers nothing.
 */
export async function installed(...names: string[]): Promise<Consumer> {
  const files = Object.fromEntries(Object.entries(tarballs()).map(([name, path]) => [name, `file:${path}`]));
  const dependencies = Object.fromEntries(names.map((name) => [name, files[name]]));
  const folder = await mkdtemp(join(tmpdir(), 'ss-consumer-'));
  const manifest = { name: 'consumer', private: true, type: 'module', dependencies, overrides: files };
  await writeFile(join(folder, 'package.json'), JSON.stringify(manifest));
  await writeFile(join(folder, '.npmrc'), '@ss:registry=http://localhost:9/\n');
  await cp(join(import.meta.dirname, 'programs'), folder, { recursive: true });
  const { code, output } = await runTool(
    'npm',
    ['install', '--no-audit', '--no-fund', '--prefer-offline'],
    folder,
  );
  if (code !== 0) throw new Error(`npm install ${names.join(' ')}:\n${output}`);
  return { folder, [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
}
