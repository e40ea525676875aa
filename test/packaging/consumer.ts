import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { runTool } from '../helpers/run-tool.ts';
import { packedFolder, tarballs } from './tarballs.ts';

/** A project outside the repository that has installed some packages and holds the test programs. */
export interface Consumer extends AsyncDisposable {
  readonly folder: string;
}

/**
 * A project of its own with `names` installed from their tarballs, and nothing else. What they depend on among
 * `@ss` comes from the sibling tarballs too: the registry named for the scope answers nothing.
 */
export async function installed(...names: string[]): Promise<Consumer> {
  const folder = await mkdtemp(join(tmpdir(), 'ss-consumer-'));
  await cp(await installation(names), folder, { recursive: true, verbatimSymlinks: true });
  await cp(join(import.meta.dirname, 'programs'), folder, { recursive: true });
  return { folder, [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
}

/** The folder where `names` were installed, once in a test run: later projects are copies. */
async function installation(names: readonly string[]): Promise<string> {
  const once = join(packedFolder(), 'installed', names.join('+').replaceAll('/', '-'));
  if (existsSync(once)) return once;
  await mkdir(dirname(once), { recursive: true });
  const fresh = await mkdtemp(`${once}-`);
  await install(fresh, names);
  // Another worker may have been first; then its folder is as good.
  await rename(fresh, once).catch(() => rm(fresh, { recursive: true }));
  return once;
}

async function install(folder: string, names: readonly string[]): Promise<void> {
  const files = Object.fromEntries(Object.entries(tarballs()).map(([name, path]) => [name, `file:${path}`]));
  const dependencies = Object.fromEntries(names.map((name) => [name, files[name]]));
  const manifest = { name: 'consumer', private: true, type: 'module', dependencies, overrides: files };
  await writeFile(join(folder, 'package.json'), JSON.stringify(manifest));
  await writeFile(join(folder, '.npmrc'), '@ss:registry=http://localhost:9/\n');
  const npm = ['install', '--no-audit', '--no-fund', '--prefer-offline'];
  const { code, output } = await runTool('npm', npm, folder);
  if (code !== 0) throw new Error(`npm install ${names.join(' ')}:\n${output}`);
}
