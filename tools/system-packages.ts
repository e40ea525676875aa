import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chromiumPath } from '../test/browser/chromium.ts';

/*
 * Installs what npm does not carry: `native` for what @ss/cpu is built with, `chromium` for the tests in browsers,
 * `vulkan` for those of WebGPU in Node.
 * Only where nobody has to be asked, as root on a system with apt; elsewhere, or when it fails, whoever needs them
 * says what goes on without.
 */

interface Wanted {
  readonly packages: readonly string[];
  /** Whether there is nothing to do. */
  readonly present: () => boolean;
  /** What goes on without; said by whoever needs them when it is not here. */
  readonly without?: string;
}

/** The Vulkan loader, through which WebGPU in Node reaches the software driver that comes with Chromium. */
const vulkanLoaders = ['x86_64-linux-gnu', 'aarch64-linux-gnu'].map(
  (system) => `/usr/lib/${system}/libvulkan.so.1`,
);

const nativePackages = ['g++', 'libhwy-dev'];

const wanted: Readonly<Record<string, Wanted>> = {
  native: {
    packages: nativePackages,
    present: () => spawnSync('dpkg-query', ['--show', ...nativePackages]).status === 0,
  },
  chromium: {
    packages: ['chromium'],
    present: () => chromiumPath() !== undefined,
    without: 'browser tests will skip',
  },
  vulkan: {
    packages: ['libvulkan1'],
    present: () => vulkanLoaders.some(existsSync),
    without: 'WebGPU tests will skip',
  },
};

function install(name: string, { packages, present, without }: Wanted): void {
  if (present()) return;
  const list = packages.join(' ');
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) {
    if (without) console.log(`${name}: not found, and this is not root on a system with apt; ${without}`);
    return;
  }
  const started = performance.now();
  const failure = aptGet('update') ?? aptGet('install', '-y', '--no-install-recommends', ...packages);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(
    failure === undefined
      ? `${name}: ${list} installed with apt-get in ${seconds} s`
      : `${name}: apt-get did not install ${list}${without ? `; ${without}` : ''}\n${failure}`,
  );
}

/** Undefined when it worked, else what it complained about. */
function aptGet(...args: string[]): string | undefined {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const { status, stderr } = spawnSync('apt-get', ['-qq', ...args], { env, encoding: 'utf8' });
  return status === 0 ? undefined : stderr.trim();
}

for (const name of process.argv.slice(2)) install(name, wanted[name]!);
