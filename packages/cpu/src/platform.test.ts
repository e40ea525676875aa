import { expect, test } from 'vitest';
import { lacking, libcOf, packageFor, thisPlatform } from './platform.ts';

test('this platform is the one that the runtime reports', () => {
  const platform = thisPlatform();
  expect(platform).toMatchObject({ system: process.platform, processor: process.arch });
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  const libc = header.glibcVersionRuntime === undefined ? 'musl' : 'gnu';
  expect(platform.libc).toBe(process.platform === 'linux' ? libc : undefined);
});

test.each([
  ['/lib64/ld-linux-x86-64.so.2', 'gnu'],
  ['/lib/ld-linux-aarch64.so.1', 'gnu'],
  ['/nix/store/abc-glibc-2.39/lib/ld-linux-x86-64.so.2', 'gnu'],
  ['/lib/ld-musl-x86_64.so.1', 'musl'],
  [undefined, undefined],
] as const)('%s is the loader of %s', (loader, libc) => {
  expect(libcOf(loader)).toBe(libc);
});

test.each([
  [{ system: 'linux', processor: 'x64', libc: 'gnu', lacks: [] }, '@ss/cpu-linux-x64-gnu'],
  [{ system: 'linux', processor: 'arm64', libc: 'musl', lacks: [] }, '@ss/cpu-linux-arm64-musl'],
  [{ system: 'darwin', processor: 'arm64', libc: undefined, lacks: [] }, '@ss/cpu-darwin-arm64'],
] as const)('%o has the package %s', (platform, name) => {
  expect(packageFor(platform)).toBe(name);
});

test('an Intel Core 2 lacks SSE4.2, a Nehalem nothing', () => {
  const flags = (...more: string[]): string =>
    `processor\t: 0\nflags\t\t: ${['fpu', 'sse2', 'ssse3', 'cx16', 'sse4_1', ...more].join(' ')}\n`;
  expect(lacking(flags())).toEqual(['sse4_2', 'popcnt']);
  expect(lacking(flags('sse4_2', 'popcnt'))).toEqual([]);
});

test('nothing is said about a processor whose flags are not known', () => {
  expect(lacking('')).toEqual([]);
  expect(lacking('CPU implementer : 0x41\nFeatures : fp asimd\n')).toEqual([]);
});
