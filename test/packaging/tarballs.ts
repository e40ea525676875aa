import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { inject } from 'vitest';
import { rooms } from '../arrows/rooms.ts';
import { PACKAGES, readJson } from '../helpers/repository.ts';

/** Where the tarballs lie for this test run. Throws what pnpm said when packing failed. */
export function packedFolder(): string {
  const packed = inject('packed');
  if ('failure' in packed) throw new Error(`the packages could not be packed:\n${packed.failure}`);
  return packed.folder;
}

/** The published name of each package and its tarball; without those of native libraries that are not built here. */
export function tarballs(): Record<string, string> {
  const names = [...PACKAGES, ...PLATFORMS.filter(isPacked)];
  return Object.fromEntries(names.map((name) => [`@ss/${name}`, tarballOf(name)]));
}

export const isPacked = (name: string): boolean => readdirSync(packedFolder()).includes(fileOf(name));

/** Packages of native libraries, by the room they belong to and their folder under its platforms/. */
const PLATFORMS: readonly string[] = Object.values(rooms).flatMap(({ platforms = [] }) => platforms);

function folderOf(name: string): string {
  const room = PACKAGES.find((each) => rooms[each]?.platforms?.includes(name));
  return room === undefined
    ? `packages/${name}`
    : `packages/${room}/platforms/${name.slice(room.length + 1)}`;
}

/** The tarball of the package `name` of the house. */
export function tarballOf(name: string): string {
  if (!isPacked(name)) throw new Error(`pnpm pack made no ${fileOf(name)}`);
  return join(packedFolder(), fileOf(name));
}

function fileOf(name: string): string {
  const { version } = readJson<{ version: string }>(`${folderOf(name)}/package.json`);
  return `ss-${name}-${version}.tgz`;
}
