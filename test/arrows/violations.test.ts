import { expect, test } from 'vitest';
import { importsOf } from './imports.ts';
import { violations, type Manifest, type Package } from './violations.ts';

const doors: Record<string, Manifest> = {
  core: { exports: { '.': './src/index.ts', './reference': './src/reference/index.ts' } },
  wasm: { exports: { '.': './src/index.ts' } },
  conformance: { exports: { '.': './src/index.ts' } },
};

function findIn(source: string, more: Partial<Omit<Package, 'files'>> = {}, path = 'src/a.ts'): string[] {
  const pack: Package = {
    name: 'webgpu',
    room: { sees: ['core'], testsSee: ['conformance'], portable: true },
    manifest: { dependencies: { '@ss/core': '', tiny: '' }, devDependencies: { '@ss/conformance': '' } },
    ...more,
    files: [{ path, imports: importsOf(path, source) }],
  };
  return violations(pack, doors);
}

test('what the table allows passes', () => {
  const source = `
    import type { Tensor } from '@ss/core';
    export * from './b.ts';
    import { scan } from '@ss/core/reference';
    import { one } from 'tiny/one';
    // import { wasm } from '@ss/wasm';
    const name = '@ss/cuda'; await import(name);`;
  expect(findIn(source)).toEqual([]);
});

test.each([
  ["import { wasm } from '@ss/wasm';", 'must not see wasm'],
  ["import type { Wasm } from '@ss/wasm';", 'must not see wasm'],
  ["export { wasm } from '@ss/wasm';", 'must not see wasm'],
  ["export * from '@ss/wasm';", 'must not see wasm'],
  ["const { wasm } = await import('@ss/wasm');", 'must not see wasm'],
  ["import { kit } from '@ss/conformance';", 'must not see conformance'],
  ["import { secret } from '@ss/core/src/secret.ts';", 'not a door of core'],
  ["import { secret } from '../../core/src/secret.ts';", 'outside its package'],
  ["import { readFile } from 'node:fs/promises';", 'runs in browsers too'],
  ["import { env } from 'process';", 'runs in browsers too'],
  ["await import('node:fs');", 'runs in browsers too'],
  ["import { chalk } from 'chalk';", 'not declared in package.json'],
])('%s is refused', (source, reason) => {
  expect(findIn(source)).toEqual([expect.stringContaining(reason)]);
});

test('a test may use what its sources may not', () => {
  const source =
    "import { kit } from '@ss/conformance'; import { readFile } from 'node:fs'; import 'vitest';";
  expect(findIn(source, {}, 'src/a.test.ts')).toEqual([]);
});

test('the root files enter a package by its doors only', () => {
  const room = { sees: ['core'] };
  const manifest = { devDependencies: { '@ss/core': '' } };
  const enters = "import { scan } from '../../packages/core/src/scan.ts';";
  const root = { name: 'root', room, manifest };
  expect(findIn(enters, root, 'test/a/b.test.ts')).toEqual([expect.stringContaining('outside its package')]);
  expect(findIn("import '@ss/core'; import '../../tools/a.ts';", root, 'test/a/b.test.ts')).toEqual([]);
});

test('an arrow in package.json counts as much as one in a source', () => {
  const manifest = { dependencies: { '@ss/wasm': '' }, devDependencies: { '@ss/mamba': '' } };
  expect(findIn('', { manifest })).toEqual([
    'webgpu must not depend on wasm',
    'webgpu must not test with mamba',
  ]);
});
