import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { missingPeer } from '@ss/cli/against';
import type { ModelPeer, ModelRequest, ModelRunner } from '@ss/cli/against';
import { build } from 'esbuild';
import { chromiumPath, NO_CHROMIUM } from '../../../test/browser/chromium.ts';
import { launchChromium } from '../../../test/browser/run-page.ts';
import { serve } from '../../../test/browser/serve.ts';
import { writeMambaGguf } from '../gguf/mamba.ts';
import { installedVersion, isInstalled } from '../installed.ts';
import type { Page } from './page.ts';

const installed = join(import.meta.dirname, '../node_modules/@wllama/wllama');

/** wllama and @ss/wasm in one page of a headless Chromium; pages have threads only when there are to be several. */
export async function openWllama(request: ModelRequest): Promise<ModelPeer> {
  if (!isInstalled('@wllama/wllama'))
    throw missingPeer('wllama', '@wllama/wllama is not installed in tools/peers');
  if (chromiumPath() === undefined) throw missingPeer('wllama', NO_CHROMIUM);
  await using open = new AsyncDisposableStack();
  const folder = open.adopt(mkdtempSync(join(tmpdir(), 'ss-wllama-')), (path) =>
    rmSync(path, { recursive: true }),
  );
  const weightBytes = writeMambaGguf(
    join(folder, 'model.gguf'),
    request.config,
    request.seed,
    request.weights,
  );
  symlinkSync(installed, join(folder, 'wllama'));
  writeFileSync(join(folder, 'index.html'), '<!doctype html><script type="module" src="page.js"></script>');
  await build({
    entryPoints: [join(import.meta.dirname, 'page.ts')],
    outdir: folder,
    bundle: true,
    splitting: true,
    format: 'esm',
    logLevel: 'silent',
  });
  const served = open.use(await serve(folder, { isolated: request.threads > 1 }));
  const browser = open.use(await launchChromium());
  const page = await browser.newPage();
  await page.goto(served.url);
  await page.waitForFunction(() => 'result' in globalThis);

  const about = await page.evaluate(
    ([asked, bytes]) => (globalThis as unknown as { bench: Page }).bench.open(asked, bytes),
    [request, weightBytes] as const,
  );
  const side = (name: 'ours' | 'theirs'): ModelRunner => ({
    ...about[name],
    logProbs: async (tokens) =>
      Float32Array.from(
        await page.evaluate(
          ([which, given]) => (globalThis as unknown as { bench: Page }).bench.logProbs(which, given),
          [name, tokens] as const,
        ),
      ),
    prefill: (tokens) =>
      page.evaluate(
        ([which, given]) => (globalThis as unknown as { bench: Page }).bench.prefill(which, given),
        [name, tokens] as const,
      ),
    decode: (tokens, steps) =>
      page.evaluate(
        ([which, given, count]) =>
          (globalThis as unknown as { bench: Page }).bench.decode(which, given, count),
        [name, tokens, steps] as const,
      ),
  });
  const kept = open.move();
  return {
    ...side('theirs'),
    ours: side('ours'),
    version: `wllama ${installedVersion('@wllama/wllama')} in Chromium ${browser.version()}`,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}
