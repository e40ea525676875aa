import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, type TestContext } from 'vitest';
import { chromiumPath, NO_CHROMIUM } from './chromium.ts';
import { launchChromium, runPage } from './run-page.ts';
import { serve } from './serve.ts';

async function run(context: TestContext, script: string, options?: { isolated: boolean }): Promise<unknown> {
  context.skip(chromiumPath() === undefined, NO_CHROMIUM);
  await using directory = await mkdtempDisposable(join(tmpdir(), 'ss-page-'));
  await writeFile(
    join(directory.path, 'index.html'),
    `<!doctype html><script type="module">${script}</script>`,
  );
  await using served = await serve(directory.path, options);
  await using browser = await launchChromium();
  return await runPage(browser, served.url);
}

test('a page answers with what it promised', async (context) => {
  const answer = await run(context, 'globalThis.result = Promise.resolve({ sum: 1 + 2 })');
  expect(answer).toEqual({ sum: 3 });
});

test('isolation headers give the page shared memory, and their absence takes it away', async (context) => {
  const script = 'globalThis.result = globalThis.crossOriginIsolated';
  expect(await run(context, script, { isolated: true })).toBe(true);
  expect(await run(context, script, { isolated: false })).toBe(false);
});

test('a page that throws fails with its own words', async (context) => {
  await expect(run(context, 'throw new Error("no such luck")')).rejects.toThrow(/no such luck/);
});

test('a page that rejects fails with its own words', async (context) => {
  await expect(run(context, 'globalThis.result = Promise.reject(new Error("late"))')).rejects.toThrow(/late/);
});

test('a module that is not there fails the page', async (context) => {
  await expect(run(context, 'import "./missing.js"')).rejects.toThrow(/missing\.js: HTTP 404/);
});
