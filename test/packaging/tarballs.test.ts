import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { PACKAGES } from '../helpers/repository.ts';
import { runTool } from '../helpers/run-tool.ts';
import { tarballOf } from './tarballs.ts';

describe.each(PACKAGES)('%s', (name) => {
  test('its tarball holds sources and what they compile to, and no tests', () => {
    const files = execFileSync('tar', ['-tzf', tarballOf(name)], { encoding: 'utf8' })
      .trim()
      .split('\n')
      .map((path) => path.replace(/^package\//, ''));
    const modules = files.filter((path) => /^src\/.*\.ts$/.test(path));
    const compiled = modules.flatMap((path) => {
      const stem = path.replace(/^src/, 'dist').replace(/\.ts$/, '');
      return [`${stem}.js`, `${stem}.d.ts`, `${stem}.js.map`, `${stem}.d.ts.map`];
    });
    expect(modules).toContain('src/index.ts');
    expect(files.filter((path) => path.endsWith('.test.ts'))).toEqual([]);
    expect(files.filter((path) => path.startsWith('dist/')).toSorted()).toEqual(compiled.toSorted());
    expect(files).toContain('LICENSE');
  });

  test('publint has no complaint', async () => {
    const { code, output } = await runTool('publint', ['run', tarballOf(name), '--strict']);
    expect(code, output).toBe(0);
  });

  test('its types resolve (are the types wrong?)', async () => {
    const { code, output } = await runTool('attw', [tarballOf(name), '--profile', 'esm-only']);
    expect(code, output).toBe(0);
  });
});
