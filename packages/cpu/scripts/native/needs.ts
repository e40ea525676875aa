import { execFileSync } from 'node:child_process';

/** What every system with glibc and a C++ program has; the rest travels along. */
const ofTheSystem = /^(linux-vdso|ld-linux-[\w-]+|lib(c|m|dl|rt|pthread|stdc\+\+|gcc_s))\.so/;

/** Paths of the shared libraries that a library loads, directly or not, beside those of the system. */
export function neededLibraries(path: string): string[] {
  return execFileSync('ldd', [path], { encoding: 'utf8' })
    .split('\n')
    .flatMap((line) => {
      const [, name, at] = /^\s*(\S+) => (\S+)/.exec(line) ?? [];
      if (name === undefined || at === undefined || ofTheSystem.test(name)) return [];
      if (!at.startsWith('/')) throw new Error(`${path} needs ${name}, which is not found.`);
      return [at];
    });
}

/** The newest `GLIBC_` or `GLIBCXX_` version that a library asks for; empty for none. */
export function newestVersion(path: string, family: 'GLIBC' | 'GLIBCXX'): string {
  const symbols = execFileSync('objdump', ['-T', path], { encoding: 'utf8', maxBuffer: 1 << 26 });
  const versions = [...symbols.matchAll(new RegExp(`\\(?${family}_([\\d.]+)\\)?`, 'g'))].map(([, v]) => v!);
  return versions.toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true })).at(-1) ?? '';
}
