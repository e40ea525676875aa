import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { chromiumPath, NO_CHROMIUM } from '../browser/chromium.ts';
import { launchChromium, runPage, SOFTWARE_WEBGPU } from '../browser/run-page.ts';
import { serve } from '../browser/serve.ts';
import { esbuildForBrowsers, viteForBrowsers } from './bundle.ts';
import { installed } from './consumer.ts';
import { MODEL, programs, scanned } from './programs.ts';

let browser: Browser;
beforeAll(async () => {
  if (chromiumPath() !== undefined) browser = await launchChromium();
});
afterAll(() => browser?.close());
beforeEach(({ skip }) => skip(chromiumPath() === undefined, NO_CHROMIUM));

/** What the page of `folder` answers without and with the headers that isolate it. */
async function answers(folder: string): Promise<unknown[]> {
  await using plain = await serve(folder);
  await using isolated = await serve(folder, { isolated: true });
  return [await runPage(browser, plain.url), await runPage(browser, isolated.url)];
}

const bundlers = { vite: viteForBrowsers, esbuild: esbuildForBrowsers };

test.for(
  programs.flatMap((program) =>
    Object.entries(bundlers).map(([bundler, bundle]) => ({ ...program, bundler, bundle })),
  ),
)(
  '$name, bundled by $bundler, runs in Chromium, isolated or not',
  async ({ name, packages, answer, bundle }) => {
    await using consumer = await installed(...packages);
    const { folder, warnings } = await bundle(consumer.folder, name);
    expect(warnings).toEqual([]);
    symlinkSync(MODEL, join(folder, 'model'));
    expect(await answers(folder)).toEqual([answer, answer]);
  },
);

test('a page computes in a worker when it is isolated and inline when it is not, and says so', async () => {
  await using consumer = await installed('@ss/core', '@ss/wasm');
  const { folder } = await viteForBrowsers(consumer.folder, 'wasm-manner');
  expect(await answers(folder)).toEqual([
    expect.arrayContaining(['mode inline']),
    expect.arrayContaining(['mode worker']),
  ]);
});

test.for(['webgpu-scan', 'webgpu-in-worker'])('%s runs on WebGPU', async (program) => {
  await using consumer = await installed('@ss/core', '@ss/webgpu');
  const { folder, warnings } = await viteForBrowsers(consumer.folder, program);
  expect(warnings).toEqual([]);
  await using withWebGpu = await launchChromium(SOFTWARE_WEBGPU);
  await using served = await serve(folder);
  expect(await runPage(withWebGpu, served.url)).toEqual(scanned('webgpu'));
});
