import { existsSync } from 'node:fs';

const KNOWN_PATHS = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

/** The browser the tests drive: `CHROMIUM`, else the first that is installed, else undefined. */
export function chromiumPath(): string | undefined {
  return [process.env.CHROMIUM, ...KNOWN_PATHS].find((path) => path !== undefined && existsSync(path));
}

/** The sentence a test skips with where there is no browser. */
export const NO_CHROMIUM = 'no Chromium here: install it (apt-get install chromium) or name it in CHROMIUM';
