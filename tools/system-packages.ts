import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chromiumPath } from '../test/browser/chromium.ts';

/**
 * Installs what the tests use and npm does not carry: Chromium. Only where nobody has to be asked, as root on a
 * system with apt; elsewhere, or when it fails, the browser tests say why they skip.
 */
function installChromium(): string {
  const present = chromiumPath();
  if (present !== undefined) return `chromium: ${present}`;
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) {
    return 'chromium: not found, and this is not root on a system with apt; browser tests will skip';
  }
  const started = performance.now();
  const failure = aptGet('update') ?? aptGet('install', '-y', '--no-install-recommends', 'chromium');
  if (failure !== undefined) return `chromium: apt-get failed, browser tests will skip\n${failure}`;
  return `chromium: installed with apt-get in ${((performance.now() - started) / 1000).toFixed(1)} s`;
}

/** Undefined when it worked, else what it complained about. */
function aptGet(...args: string[]): string | undefined {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const { status, stderr } = spawnSync('apt-get', ['-qq', ...args], { env, encoding: 'utf8' });
  return status === 0 ? undefined : stderr.trim();
}

console.log(installChromium());
