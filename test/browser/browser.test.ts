import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { chromiumPath, NO_CHROMIUM } from './chromium.ts';
import { launchChromium, runPage } from './run-page.ts';
import { serve } from './serve.ts';

beforeEach(({ skip }) => skip(chromiumPath() === undefined, NO_CHROMIUM));

async function run(script: string, options?: { isolated: boolean }): Promise<unknown> {
  await using directory = await mkdtempDisposable(join(tmpdir(), 'ss-page-'));
  await writeFile(
    join(directory.path, 'index.html'),
    `<!doctype html><script type="module">${script}</script>`,
  );
  await using served = await serve(directory.path, options);
  await using browser = await launchChromium();
  return await runPage(browser, served.url);
}

test('a page answers with what it promised', async () => {
  const answer = await run('globalThis.result = Promise.resolve({ sum: 1 + 2 })');
  expect(answer).toEqual({ sum: 3 });
});

test('isolation headers give the page shared memory, and their absence takes it away', async () => {
  const script = 'globalThis.result = globalThis.crossOriginIsolated';
  expect(await run(script, { isolated: true })).toBe(true);
  expect(await run(script, { isolated: false })).toBe(false);
});

test('a page that throws fails with its own words', async () => {
  await expect(run('throw new Error("no such luck")')).rejects.toThrow(/no such luck/);
});

test('a page that rejects fails with its own words', async () => {
  await expect(run('globalThis.result = Promise.reject(new Error("late"))')).rejects.toThrow(/late/);
});

test('a module that is not there fails the page', async () => {
  await expect(run('import "./missing.js"')).rejects.toThrow(/missing\.js: HTTP 404/);
});
