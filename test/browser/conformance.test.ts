import { cp, mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConformanceReport } from '@ss/conformance';
import { build } from 'esbuild';
import { expect, test } from 'vitest';
import { ROOT } from '../helpers/repository.ts';
import { chromiumPath, NO_CHROMIUM } from './chromium.ts';
import { launchChromium, runPage } from './run-page.ts';
import { serve } from './serve.ts';

// The whole kit would ask in Chromium what it asks in Node; one op of each kind shows that it runs there.
const page = `
  import { reference } from '@ss/core';
  import { runConformance } from '@ss/conformance';
  globalThis.result = runConformance({
    backend: reference(),
    ops: ['selectiveStateUpdate', 'linear', 'silu'],
    vectorsDir: new URL('vectors/', location.href),
  });`;

test('the kit runs in a page, with vectors from where they are served', async ({ skip }) => {
  skip(chromiumPath() === undefined, NO_CHROMIUM);
  await using directory = await mkdtempDisposable(join(tmpdir(), 'ss-page-'));
  await cp(join(ROOT, 'packages/conformance/vectors'), join(directory.path, 'vectors'), { recursive: true });
  await build({
    stdin: { contents: page, resolveDir: import.meta.dirname },
    outfile: join(directory.path, 'page.js'),
    bundle: true,
    format: 'esm',
    logLevel: 'silent',
  });
  await writeFile(
    join(directory.path, 'index.html'),
    '<!doctype html><script type="module" src="page.js"></script>',
  );
  await using served = await serve(directory.path);
  await using browser = await launchChromium();
  const report = (await runPage(browser, served.url)) as ConformanceReport;
  expect(report.failures).toEqual([]);
  expect(Object.keys(report.ops)).toEqual(['selectiveStateUpdate', 'linear', 'silu']);
  expect(report.passed).toBeGreaterThan(300);
});
