import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

/*
 * Packs every package, as built, into one folder: `pnpm run pack`. The package of this platform's native library is filled
 * first, and looked into afterwards; one without its library would install without a complaint and never be used.
 */

const { values } = parseArgs({
  options: {
    to: { type: 'string', default: 'tarballs' },
    // What of the packages does not need it: for other platforms, and machines without the compiler.
    'without-native': { type: 'boolean', default: false },
  },
});

const root = join(import.meta.dirname, '..');
const folder = resolve(values.to);
const withNative = !values['without-native'];

mkdirSync(folder, { recursive: true });
for (const name of tarballs()) rmSync(join(folder, name));
if (withNative && spawnSync('node', ['packages/cpu/scripts/prebuild.ts'], inRoot()).status !== 0) {
  fail('The native library was not built.', 'pnpm run pack --without-native leaves its package out.');
}
const left = withNative ? [] : ['--filter', '!./packages/cpu/platforms/*'];
if (pnpm('--filter', './packages/**', ...left, 'pack', '--pack-destination', folder) !== 0) {
  fail('pnpm pack failed; it said why above.');
}
for (const name of tarballs()) {
  const files = execFileSync('tar', ['-tzf', join(folder, name)], { encoding: 'utf8' });
  const native = /^ss-cpu-[a-z].*\.tgz$/.test(name);
  if (native && !/\.node$/m.test(files)) fail(`${name} has no native library in it.`);
  console.log(`${name}${native ? ' with its native library' : ''}`);
}
if (!withNative) console.log('without the package of a native library: programs will run on WebAssembly');

function tarballs(): string[] {
  return readdirSync(folder).filter((name) => /^ss-.+\.tgz$/.test(name));
}

function inRoot(): { cwd: string; stdio: ['ignore', 2, 2] } {
  return { cwd: root, stdio: ['ignore', 2, 2] };
}

/** The pnpm that runs this, or the one that npx finds. */
function pnpm(...args: string[]): number | null {
  const script = process.env['npm_execpath'];
  const [command, ...before] =
    script === undefined || !/pnpm/.test(script)
      ? (['npx', '--yes', 'pnpm@12'] as const)
      : /\.[cm]?js$/.test(script)
        ? ([process.execPath, script] as const)
        : ([script] as const);
  return spawnSync(command, [...before, ...args], inRoot()).status;
}

function fail(what: string, remedy?: string): never {
  console.error(remedy === undefined ? what : `${what} ${remedy}`);
  process.exit(1);
}
