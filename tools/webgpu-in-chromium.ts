import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConformanceReport } from '@ss/conformance';
import { formatReport } from '@ss/conformance';
import { launchChromium, QUICK_SOFTWARE_WEBGPU } from '../test/browser/run-page.ts';
import { serve } from '../test/browser/serve.ts';
import { buildPage } from '../test/page/build.ts';

/**
 * The whole quick tier on WebGPU in headless Chromium, which takes minutes on its software adapter:
 *
 *     node tools/webgpu-in-chromium.ts [ops] [cases]
 */
const [ops = '', cases = '*'] = process.argv.slice(2);
await using folder = await mkdtempDisposable(join(tmpdir(), 'ss-page-'));
await buildPage(folder.path);
await using served = await serve(folder.path, { isolated: true });
await using browser = await launchChromium(QUICK_SOFTWARE_WEBGPU);
const page = await browser.newPage();
await page.goto(served.url);
const idle = (): Promise<unknown> =>
  page.waitForFunction(() => document.body.dataset['state'] === 'idle', undefined, { timeout: 0 });
await idle();
await page.check('input[value=webgpu]');
await idle();
console.log(await page.textContent('#decision'));
await page.fill('#ops', ops);
await page.fill('#cases', cases);
await page.click('#conform');
await idle();
const report = (await page.evaluate(() => (globalThis as { report?: unknown }).report)) as
  | ConformanceReport
  | undefined;
if (report) console.log(formatReport(report));
else console.error(await page.textContent('#error'));
process.exitCode = report?.failed === 0 ? 0 : 1;
