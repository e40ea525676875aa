import { readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { chromiumPath, NO_CHROMIUM } from '../browser/chromium.ts';
import { launchChromium, runPage } from '../browser/run-page.ts';
import { serve } from '../browser/serve.ts';
import { runTool } from '../helpers/run-tool.ts';
import { esbuildForBrowsers, esbuildForNode, viteForBrowsers } from './bundle.ts';
import { installed } from './consumer.ts';
import { MODEL, programs } from './programs.ts';

describe.each(programs)('$name', ({ name, packages, answer }) => {
  test.for([
    ['vite', viteForBrowsers],
    ['esbuild', esbuildForBrowsers],
  ] as const)('bundled by %s runs in Chromium, isolated or not', async ([, bundle], { skip }) => {
    skip(chromiumPath() === undefined, NO_CHROMIUM);
    await using consumer = await installed(...packages);
    const { folder, warnings } = await bundle(consumer.folder, name);
    expect(warnings).toEqual([]);
    symlinkSync(MODEL, join(folder, 'model'));
    await using browser = await launchChromium();
    for (const isolated of [false, true]) {
      await using served = await serve(folder, { isolated });
      expect(await runPage(browser, served.url)).toEqual(answer);
    }
  });

  test('bundled by esbuild runs in Node without node_modules', async () => {
    await using consumer = await installed(...packages);
    const { folder, warnings } = await esbuildForNode(consumer.folder, name);
    expect(warnings).toEqual([]);
    symlinkSync(MODEL, join(folder, 'model'));
    rmSync(join(consumer.folder, 'node_modules'), { recursive: true });
    const { code, output } = await runTool(process.execPath, ['main.js'], folder);
    expect(code, output).toBe(0);
    expect(JSON.parse(readFileSync(join(folder, 'result.json'), 'utf8'))).toEqual(answer);
  });
});

test('a page computes in a worker when it is isolated and inline when it is not, and says so', async ({
  skip,
}) => {
  skip(chromiumPath() === undefined, NO_CHROMIUM);
  await using consumer = await installed('@ss/core', '@ss/wasm');
  const { folder } = await viteForBrowsers(consumer.folder, 'wasm-manner');
  await using browser = await launchChromium();
  for (const [isolated, mode] of [
    [false, 'mode inline'],
    [true, 'mode worker'],
  ] as const) {
    await using served = await serve(folder, { isolated });
    expect(await runPage(browser, served.url)).toContain(mode);
  }
});
