import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConformanceReport } from '@ss/conformance';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { readJson } from '../helpers/repository.ts';
import { buildPage } from '../page/build.ts';
import { chromiumPath, NO_CHROMIUM } from './chromium.ts';
import { launchChromium, SOFTWARE_WEBGPU } from './run-page.ts';
import { serve } from './serve.ts';

/** Nobody's limit: the adapter computes on the processor. */
const patience = 600_000;
const NO_WEBGPU = 'this Chromium has no WebGPU adapter';
const { cases } = readJson<{
  cases: { prompt: string; greedy_tokens: number[]; greedy_text: string }[];
}>('test/models/tiny-shakespeare/expected.json');

const stack = new AsyncDisposableStack();
let page: Page | undefined;

beforeAll(async () => {
  if (chromiumPath() === undefined) return;
  const folder = stack.use(await mkdtempDisposable(join(tmpdir(), 'ss-page-')));
  await buildPage(folder.path);
  const served = stack.use(await serve(folder.path, { isolated: true }));
  const browser: Browser = stack.use(await launchChromium(SOFTWARE_WEBGPU));
  page = await browser.newPage();
  await page.goto(served.url);
});
afterAll(() => stack.disposeAsync());
beforeEach(({ skip }) => skip(page === undefined, NO_CHROMIUM));

/** Waits for what was begun; a page that complains is an error. */
async function idle(): Promise<void> {
  await page!.waitForFunction(() => document.body.dataset['state'] === 'idle', undefined, {
    timeout: patience,
  });
  expect(await page!.textContent('#error')).toBe('');
}

async function choose(backend: string): Promise<string> {
  await page!.check(`input[value=${backend}]`);
  await idle();
  return (await page!.textContent('#decision'))!;
}

test('the page says which backend it takes and why', async () => {
  const decision = await choose('auto');
  // The adapter computes on the processor, where WebAssembly is faster.
  expect(decision).toMatch(/^wasm +chosen/m);
  expect(await choose('wasm')).toMatch(/^wasm +chosen +WebAssembly/m);
  expect(await choose('webgpu')).toMatch(/^webgpu +(chosen .*fallbackAdapter|blocked)/m);
});

test.for(['wasm', 'webgpu'])(
  'the likeliest texts on %s',
  { timeout: patience },
  async (backend, { skip }) => {
    skip(/^webgpu +blocked/m.test(await choose(backend)), NO_WEBGPU);
    await page!.fill('#temperature', '0');
    for (const { prompt, greedy_tokens, greedy_text } of cases) {
      await page!.fill('#prompt', prompt);
      await page!.fill('#tokens', String(greedy_tokens.length));
      await page!.click('#generate');
      await idle();
      expect(await page!.textContent('#text')).toBe(greedy_text);
      expect(await page!.textContent('#speed')).toMatch(new RegExp(`tokens/s on ${backend}$`));
    }
  },
);

test('the kit runs on WebGPU in the page', { timeout: patience }, async ({ skip }) => {
  skip(/^webgpu +blocked/m.test(await choose('webgpu')), NO_WEBGPU);
  await page!.fill('#ops', 'selectiveStateUpdate,linear,causalConv1dUpdate,rmsNorm,sample,copy');
  await page!.fill('#cases', 'golden/*');
  await page!.click('#conform');
  await idle();
  const report = (await page!.evaluate(
    () => (globalThis as { report?: unknown }).report,
  )) as ConformanceReport;
  expect(report).toMatchObject({ backend: 'webgpu', failures: [] });
  expect(report.passed).toBeGreaterThan(30);
});
