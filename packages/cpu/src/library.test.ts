import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRegistry } from '@ss/core';
import { expect, test, vi } from 'vitest';
import { cpu } from './index.ts';
import { findLibrary } from './library.ts';
import type { Platform } from './platform.ts';

const platform: Platform = { system: 'linux', processor: 'x64', libc: 'gnu', lacks: [] };

test.each<[string, Platform, object]>([
  [
    'musl',
    { ...platform, libc: 'musl' },
    { code: 'platform-unsupported', origin: 'environment', fix: expect.stringContaining('glibc') },
  ],
  [
    'macOS',
    { ...platform, system: 'darwin', processor: 'arm64', libc: undefined },
    { code: 'platform-unsupported', message: expect.stringContaining('darwin arm64') },
  ],
  [
    'a processor without SSE4.2',
    { ...platform, lacks: ['sse4_2'] },
    { code: 'processor-unsupported', origin: 'device', message: expect.stringContaining('sse4_2') },
  ],
])('%s is a blocker that says what to do', (_, where, blocker) => {
  vi.stubEnv('SS_CPU_LIBRARY', undefined);
  const found = findLibrary(undefined, where, []);
  expect(found).toMatchObject({ blocker });
  expect(found).toMatchObject({ blocker: { fix: expect.stringMatching(/\.$/) } });
  vi.unstubAllEnvs();
});

test('a package that is not installed is named', () => {
  vi.stubEnv('SS_CPU_LIBRARY', undefined);
  expect(findLibrary(undefined, platform, [], () => undefined)).toMatchObject({
    blocker: {
      code: 'native-missing',
      origin: 'install',
      message: expect.stringContaining('@ss/cpu-linux-x64-gnu'),
      fix: expect.stringContaining('npm install @ss/cpu-linux-x64-gnu'),
    },
  });
  vi.unstubAllEnvs();
});

test('a package that is installed without its library is another matter', () => {
  vi.stubEnv('SS_CPU_LIBRARY', undefined);
  expect(findLibrary(undefined, platform, [], () => '/somewhere/package.json')).toMatchObject({
    blocker: {
      code: 'native-incomplete',
      message: expect.stringContaining('/somewhere/ss-cpu.node is not there'),
      fix: expect.stringContaining('run pack'),
    },
  });
  vi.unstubAllEnvs();
});

test('a library that is named and not there is a blocker, not a guess', () => {
  expect(cpu({ library: '/nowhere/ss-cpu.node' }).probe()).toMatchObject({
    available: false,
    blockers: [{ message: 'the option library names /nowhere/ss-cpu.node, where no file is' }],
  });
  vi.stubEnv('SS_CPU_LIBRARY', '/nowhere/ss-cpu.node');
  expect(cpu().probe()).toMatchObject({ blockers: [{ message: expect.stringContaining('SS_CPU_LIBRARY') }] });
  vi.unstubAllEnvs();
});

test('a file that is no library is explained, and the next backend taken', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'ss-cpu-'));
  const library = join(folder.path, 'ss-cpu.node');
  await writeFile(library, 'not a library'.repeat(1000));
  const registry = createRegistry([cpu({ library })]);
  await using engine = await registry.select();
  expect(engine.id).toBe('reference');
  expect(String(engine.decision)).toContain('for another system or processor');
  await expect(registry.select({ require: 'cpu' })).rejects.toThrow(/another system or processor/);
});
