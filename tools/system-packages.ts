import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chromiumPath } from '../test/browser/chromium.ts';

/**
 * Installs what the tests use and npm does not carry: Chromium. Only where nobody has to be asked, as root on a
 * system with apt; elsewhere, or when it fails, the browser tests say why they skip.
 */
function installChromium(): string {
  if (chromiumPath() !== undefined) return `chromium: ${chromiumPath()}`;
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) {
    return 'chromium: not found, and this is not root on a system with apt; browser tests will skip';
  }
  const apt = (...args: string[]): boolean =>
    spawnSync('apt-get', args, {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    }).status === 0;
  const started = performance.now();
  const installed =
    apt('update', '-qq') && apt('install', '-qq', '-y', '--no-install-recommends', 'chromium');
  if (!installed) return 'chromium: apt-get could not install it; browser tests will skip';
  return `chromium: installed with apt in ${((performance.now() - started) / 1000).toFixed(1)} s`;
}

console.log(installChromium());
