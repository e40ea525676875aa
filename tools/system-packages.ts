import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chromiumPath } from '../test/browser/chromium.ts';

/** What the tests use and npm does not carry. */
interface SystemPackage {
  readonly name: string;
  /** Where it is, if it is there. */
  find(): string | undefined;
  /** Whose tests do without it. */
  readonly tests: string;
}

/** The Vulkan loader, through which WebGPU in Node reaches the software driver that comes with Chromium. */
const vulkanLoaders = ['x86_64-linux-gnu', 'aarch64-linux-gnu'].map(
  (system) => `/usr/lib/${system}/libvulkan.so.1`,
);

const packages: readonly SystemPackage[] = [
  { name: 'chromium', find: chromiumPath, tests: 'browser tests' },
  { name: 'libvulkan1', find: () => vulkanLoaders.find(existsSync), tests: 'WebGPU tests' },
];

/**
 * Installs one. Only where nobody has to be asked, as root on a system with apt; elsewhere, or when it fails, the
 * tests say why they skip.
 */
function install({ name, find, tests }: SystemPackage): string {
  const present = find();
  if (present !== undefined) return `${name}: ${present}`;
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) {
    return `${name}: not found, and this is not root on a system with apt; ${tests} will skip`;
  }
  const started = performance.now();
  const failure = aptGet('update') ?? aptGet('install', '-y', '--no-install-recommends', name);
  if (failure !== undefined) return `${name}: apt-get failed, ${tests} will skip\n${failure}`;
  return `${name}: installed with apt-get in ${((performance.now() - started) / 1000).toFixed(1)} s`;
}

/** Undefined when it worked, else what it complained about. */
function aptGet(...args: string[]): string | undefined {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const { status, stderr } = spawnSync('apt-get', ['-qq', ...args], { env, encoding: 'utf8' });
  return status === 0 ? undefined : stderr.trim();
}

for (const each of packages) console.log(install(each));
