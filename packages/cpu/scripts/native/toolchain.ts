import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/** A library that the addon is linked with, and where its headers show that it can be. */
interface Library {
  readonly name: string;
  /** As the linker knows it. */
  readonly link: string;
  readonly header: string;
  readonly debian: string;
}

export const libraries: readonly Library[] = [
  { name: 'Highway', link: 'hwy', header: 'hwy/highway.h', debian: 'libhwy-dev' },
];

/** The compiler: `CXX`, or g++. */
export const compiler: string = process.env['CXX'] || 'g++';

/** What a build lacks, one sentence each with what would help; empty when it can start. */
export function missing(): readonly string[] {
  if (process.platform === 'win32') return ['this build knows Linux and macOS; on Windows use @ss/wasm'];
  if (spawnSync(compiler, ['--version']).status !== 0) {
    return [`no C++ compiler ${compiler} (Debian: apt-get install g++, or name one in CXX)`];
  }
  return libraries
    .filter(({ header }) => !hasHeader(header))
    .map(({ name, debian }) => `no ${name} (Debian: apt-get install ${debian})`);
}

function hasHeader(header: string): boolean {
  if (existsSync(`/usr/include/${header}`)) return true;
  const { status } = spawnSync(compiler, ['-E', '-x', 'c++', '-'], { input: `#include <${header}>\n` });
  return status === 0;
}
