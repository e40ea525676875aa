import { chromium, type Browser, type Request } from 'playwright-core';
import { chromiumPath, NO_CHROMIUM } from './chromium.ts';

/** A page cannot do without its scripts; the answer to a `fetch` is the program's own affair. */
function isNeeded(request: Request): boolean {
  return ['document', 'script'].includes(request.resourceType());
}

/** What makes Chromium offer WebGPU without a GPU: the software driver that it brings along. */
export const SOFTWARE_WEBGPU: readonly string[] = [
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--enable-features=Vulkan',
];

/**
 * The same without the zeroing of workgroup memory, which our kernels do without, and which SwiftShader compiles for longer
 * than everything else.
 */
export const QUICK_SOFTWARE_WEBGPU: readonly string[] = [
  ...SOFTWARE_WEBGPU,
  '--enable-dawn-features=disable_workgroup_init',
];

/** Starts the headless browser, with more arguments if need be; `await using` closes it. */
export async function launchChromium(args: readonly string[] = []): Promise<Browser> {
  const executablePath = chromiumPath();
  if (executablePath === undefined) throw new Error(NO_CHROMIUM);
  // In a container there is no user namespace to build the sandbox from, and /dev/shm is small.
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage', ...args] });
}

/**
 * Opens `url` and answers what the page left, awaited, in `globalThis.result`. Rejects with the page's own words
 * when a script throws, a promise goes unhandled or a module cannot be loaded before that.
 */
export async function runPage(browser: Browser, url: string): Promise<unknown> {
  await using page = await browser.newPage();
  const complaints: string[] = [];
  const broken = new Promise<never>((_, reject) => {
    const complain = (words: string): void => {
      complaints.push(words);
      reject(new Error(`${url}: ${complaints.join('; ')}`));
    };
    page.on('pageerror', (error) => complain(String(error)));
    page.on('requestfailed', (request) => {
      if (isNeeded(request)) complain(`${request.url()}: ${request.failure()?.errorText}`);
    });
    page.on('response', (response) => {
      if (isNeeded(response.request()) && !response.ok())
        complain(`${response.url()}: HTTP ${response.status()}`);
    });
  });
  broken.catch(() => {});
  const answered = page
    .goto(url)
    .then(() => page.waitForFunction(() => 'result' in globalThis))
    .then(() => page.evaluate(() => (globalThis as { result?: unknown }).result));
  answered.catch(() => {});
  return await Promise.race([answered, broken]);
}
