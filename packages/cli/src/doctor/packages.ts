import { readFileSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** A package of the family as one place sees it. */
export interface InstalledPackage {
  readonly name: string;
  readonly version: string;
  readonly folder: string;
}

export interface Packages {
  readonly found: readonly InstalledPackage[];
  /** every folder that holds a @ss/core which something here would import; more than one is a problem */
  readonly cores: readonly InstalledPackage[];
}

const family = [
  'core',
  'conformance',
  'wasm',
  'cpu',
  'cuda',
  'webgpu',
  'dlpack',
  'mamba-block',
  'mamba',
  'cli',
].map((name) => `@ss/${name}`);

/**
 * The packages of the family that this program and the working directory see, and the copies of core behind
 * them. Two copies work together only by codes and shapes, and what one registers the other does not know.
 */
export function findPackages(cwd: string = process.cwd()): Packages {
  const here = import.meta.filename;
  const starts = [join(cwd, 'package.json'), here];
  const found = family.flatMap(
    (name) => starts.map((from) => locate(name, from)).find((at) => at !== undefined) ?? [],
  );
  const importers = [...starts, ...found.map(({ folder }) => join(folder, 'package.json'))];
  const cores = importers.flatMap((from) => locate('@ss/core', from) ?? []);
  return {
    found,
    cores: cores.filter((core, i) => cores.findIndex(({ folder }) => folder === core.folder) === i),
  };
}

function locate(name: string, from: string): InstalledPackage | undefined {
  try {
    const file = createRequire(from).resolve(`${name}/package.json`);
    const { version } = JSON.parse(readFileSync(file, 'utf8')) as { readonly version: string };
    return { name, version, folder: realpathSync(dirname(file)) };
  } catch {
    return undefined;
  }
}
