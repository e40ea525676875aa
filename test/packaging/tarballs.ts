import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { inject } from 'vitest';
import { PACKAGES, readJson } from '../helpers/repository.ts';

/** The published name of each package and its tarball. */
export function tarballs(): Record<string, string> {
  return Object.fromEntries(PACKAGES.map((name) => [`@ss/${name}`, tarballOf(name)]));
}

/** The tarball of packages/`name`. Throws what the compiler or pnpm said when packing failed. */
export function tarballOf(name: string): string {
  const packed = inject('packed');
  if ('failure' in packed) throw new Error(`the packages could not be packed:\n${packed.failure}`);
  const { version } = readJson<{ version: string }>(`packages/${name}/package.json`);
  const file = `ss-${name}-${version}.tgz`;
  if (!readdirSync(packed.folder).includes(file)) throw new Error(`pnpm pack made no ${file}`);
  return join(packed.folder, file);
}
