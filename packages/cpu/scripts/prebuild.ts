import { execFileSync } from 'node:child_process';
import { copyFile, readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { build, root } from './native/compile.ts';
import { missing } from './native/toolchain.ts';
import { newestVersion, neededLibraries } from './native/needs.ts';

/*
 * Fills platforms/linux-x64-gnu with the native library and what it needs beside itself, ready to pack.
 */

/** The oldest glibc that the package is for, as its README says. */
const glibcFloor = '2.34';

if (process.platform !== 'linux' || process.arch !== 'x64')
  throw new Error('Only the library of Linux x64 is prebuilt.');
const lacking = missing();
if (lacking.length > 0) throw new Error(`It cannot be built: ${lacking.join('; ')}.`);

const into = join(root, 'platforms/linux-x64-gnu');
for (const file of await readdir(into)) if (/\.(node|so\..*)$/.test(file)) await rm(join(into, file));
const { path } = await build({ into: join(root, 'build') });
const files = [path, ...neededLibraries(path)];
for (const file of files) {
  const to = join(into, basename(file));
  await copyFile(file, to);
  if (file === path) execFileSync('strip', ['--strip-unneeded', to]);
  const needs = newestVersion(to, 'GLIBC');
  if (compare(needs, glibcFloor) > 0)
    throw new Error(`${basename(file)} needs glibc ${needs}; the package is for ${glibcFloor} and later.`);
  console.log(`${basename(file)}: glibc ${needs}, libstdc++ ${newestVersion(to, 'GLIBCXX') || 'not needed'}`);
}

/** Of versions such as 2.34 and 2.4. */
function compare(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}
