import { build } from 'esbuild';
import { expect, test } from 'vitest';
import { installed } from './consumer.ts';
import { eagerBytes } from './size.ts';

/** People install core alone, and pages load it first. */
const CORE_LIMIT = 30_000;

test('what a page loads of core before it asks for an engine is under 30 kB minified', async () => {
  await using consumer = await installed('@ss/core');
  const { metafile } = await build({
    absWorkingDir: consumer.folder,
    stdin: { contents: "export * from '@ss/core';", resolveDir: consumer.folder },
    outdir: 'dist',
    bundle: true,
    minify: true,
    splitting: true,
    format: 'esm',
    metafile: true,
    write: false,
  });
  const eager = eagerBytes(metafile.outputs, 'dist/stdin.js');
  const total = Object.values(metafile.outputs).reduce((sum, { bytes }) => sum + bytes, 0);
  console.log(`@ss/core minified: ${eager} bytes at once, ${total - eager} when a backend is chosen`);
  expect(total).toBeGreaterThan(eager);
  expect(eager).toBeLessThan(CORE_LIMIT);
});

test('what is imported statically counts, once, and what is lazy does not', () => {
  const output = (
    bytes: number,
    ...imports: [path: string, kind: 'import-statement' | 'dynamic-import'][]
  ) => ({
    bytes,
    inputs: {},
    exports: [],
    imports: imports.map(([path, kind]) => ({ path, kind })),
  });
  const outputs = {
    a: output(1, ['b', 'import-statement'], ['c', 'import-statement'], ['d', 'dynamic-import']),
    b: output(10, ['c', 'import-statement']),
    c: output(100, ['a', 'import-statement']),
    d: output(1000),
  };
  expect(eagerBytes(outputs, 'a')).toBe(111);
});
