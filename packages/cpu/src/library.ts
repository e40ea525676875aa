import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { readEnvironment } from '@ss/core';
import type { Blocker } from '@ss/core';
import { packageFor, thisPlatform } from './platform.ts';
import type { Platform } from './platform.ts';

export const fileName = 'ss-cpu.node';

/** Platforms with a package of their own; elsewhere the library is built from source. */
const prebuilt: readonly string[] = ['@ss/cpu-linux-x64-gnu'];

export type Found = { readonly path: string } | { readonly blocker: Blocker };

/** The native library for this process, or why there is none. Nothing is loaded. */
export function findLibrary(
  named: string | undefined,
  platform: Platform = thisPlatform(),
  places: readonly (string | undefined)[] = [built(), installed(packageFor(platform), fileName)],
  manifest: () => string | undefined = () => installed(packageFor(platform), 'package.json'),
): Found {
  const blocker = unfit(platform);
  if (blocker) return { blocker };
  const asked = named ?? readEnvironment().cpuLibrary;
  if (asked !== undefined) {
    return existsSync(asked) ? { path: asked } : { blocker: notThere(asked, named !== undefined) };
  }
  const path = places.find((at) => at !== undefined && existsSync(at));
  if (path !== undefined) return { path };
  const there = manifest();
  return { blocker: there === undefined ? missing(platform) : incomplete(platform, dirname(there)) };
}

/** What no library helps against. */
function unfit({ lacks }: Platform): Blocker | undefined {
  if (lacks.length === 0) return undefined;
  return {
    code: 'processor-unsupported',
    message: `this processor has no ${lacks.join(', ')}; native kernels start at SSE4.2 (x86-64-v2)`,
    origin: 'device',
    fix: 'Use @ss/wasm.',
  };
}

function missing(platform: Platform): Blocker {
  const name = packageFor(platform);
  if (prebuilt.includes(name)) {
    return {
      code: 'native-missing',
      message: `${name}, which has the native library for this platform, is not installed`,
      origin: 'install',
      fix:
        `npm install ${name} (an optional dependency: --omit=optional leaves it out, and so does a lockfile ` +
        `of another system); in the repository: npx --yes pnpm@12 run setup`,
    };
  }
  const { system, processor, libc } = platform;
  return {
    code: 'platform-unsupported',
    message:
      `there is no native library for ${system} ${processor}${libc === 'musl' ? ' with musl' : ''}; ` +
      `there is one for ${prebuilt.map((each) => each.slice('@ss/cpu-'.length)).join(', ')}`,
    origin: 'environment',
    fix:
      libc === 'musl'
        ? 'Use an image with glibc, such as node:22-slim instead of node:22-alpine, or @ss/wasm.'
        : 'Use @ss/wasm, or build it from the repository and name it in SS_CPU_LIBRARY.',
  };
}

/** A package that was packed, or copied, without what it is for. */
function incomplete(platform: Platform, folder: string): Blocker {
  return {
    code: 'native-incomplete',
    message: `${packageFor(platform)} is installed without its native library: ${join(folder, fileName)} is not there`,
    origin: 'install',
    fix:
      'Install it again; a tarball of your own comes from npx --yes pnpm@12 run pack, which fills it. ' +
      'In the repository: npx --yes pnpm@12 run setup',
  };
}

function notThere(path: string, byOption: boolean): Blocker {
  return {
    code: 'native-missing',
    message: `${byOption ? 'the option library' : 'SS_CPU_LIBRARY'} names ${path}, where no file is`,
    origin: 'install',
    fix: 'Name the file itself, or leave it out.',
  };
}

/** Of the repository, which publishes none of it. */
function built(): string {
  return join(import.meta.dirname, '../build', fileName);
}

function installed(name: string, file: string): string | undefined {
  try {
    return createRequire(import.meta.url).resolve(`${name}/${file}`);
  } catch {
    return undefined;
  }
}
