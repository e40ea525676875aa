import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { inject } from 'vitest';
import { PACKAGES, readJson } from '../helpers/repository.ts';

/** Where the tarballs lie for this test run. Throws what pnpm said when packing failed. */
export function packedFolder(): string {
  const packed = inject('packed');
  if ('failure' in packed) throw new Error(`the packages could not be packed:\n${packed.failure}`);
  return packed.folder;
}

/** The published name of each package and its tarball. */
export function tarballs(): Record<string, string> {
  return Object.fromEntries(PACKAGES.map((name) => [`@ss/${name}`, tarballOf(name)]));
}

/** The tarball of packages/`name`. */
export function tarballOf(name: string): string {
  const { version } = readJson<{ version: string }>(`packages/${name}/package.json`);
  const file = `ss-${name}-${version}.tgz`;
  if (!readdirSync(packedFolder()).includes(file)) throw new Error(`pnpm pack made no ${file}`);
  return join(packedFolder(), file);
}
