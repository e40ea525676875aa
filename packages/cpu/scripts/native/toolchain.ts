import { spawnSync } from 'node:child_process';

/** A library that the addon is linked with. */
interface Library {
  readonly name: string;
  /** As the linker knows it. */
  readonly link: string;
  /** What the preprocessor accepts where it can be used. */
  readonly check: string;
  readonly debian: string;
}

export const libraries: readonly Library[] = [
  {
    name: 'Highway 1.0 or later',
    link: 'hwy',
    check: '#include <hwy/highway.h>\n#if HWY_MAJOR < 1\n#error too old\n#endif\n',
    debian: 'libhwy-dev',
  },
];

/** The compiler: `CXX`, or g++. */
export const compiler: string = process.env['CXX'] || 'g++';

/** What a build lacks, each with what would help; empty when it can start. */
export function missing(): readonly string[] {
  if (process.platform === 'win32') return ['the build knows Linux and macOS, not Windows'];
  if (!accepts('#if __cplusplus < 202002L\n#error too old\n#endif\n')) {
    return [`no C++20 compiler ${compiler} (Debian: apt-get install g++, or name one in CXX)`];
  }
  return libraries
    .filter(({ check }) => !accepts(check))
    .map(({ name, debian }) => `no ${name} (Debian: apt-get install ${debian})`);
}

function accepts(source: string): boolean {
  const args = ['-std=c++20', '-E', '-x', 'c++', '-'];
  return spawnSync(compiler, args, { input: source, stdio: ['pipe', 'ignore', 'ignore'] }).status === 0;
}
