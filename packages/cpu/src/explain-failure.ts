/**
 * Why the system's loader did not take a library, in a sentence, and what to do about it.
 * @param said what `process.dlopen` threw
 */
export function explainFailure(
  path: string,
  said: string,
): { readonly message: string; readonly hint: string } {
  const known = causes.flatMap(({ pattern, message, hint }) => {
    const match = pattern.exec(said);
    return match ? [{ message: message(match[1] ?? ''), hint }] : [];
  })[0];
  return {
    message: `${known?.message ?? 'The native library of @ss/cpu does not load.'} (${said.includes(path) ? said : `${path}: ${said}`})`,
    hint: known?.hint ?? 'Run ss doctor --report and report it; @ss/wasm works meanwhile.',
  };
}

interface Cause {
  readonly pattern: RegExp;
  message(found: string): string;
  readonly hint: string;
}

/** What glibc's and musl's loaders say. */
const causes: readonly Cause[] = [
  {
    pattern: /version [`'](GLIBC_[\d.]+)' not found/,
    message: (version) =>
      `The C library of this system is older than ${version.replace('_', ' ')}, which the native library needs.`,
    hint: 'Use a newer system (Debian 12, Ubuntu 22.04 and later), build @ss/cpu from the repository here, or use @ss/wasm.',
  },
  {
    pattern: /version [`']((?:GLIBCXX|CXXABI)_[\d.]+)' not found/,
    message: (version) =>
      `The C++ library of this system (libstdc++) has no ${version}, which the native library needs.`,
    hint: 'Install a newer libstdc++6, build @ss/cpu from the repository here, or use @ss/wasm.',
  },
  {
    pattern:
      /(?:Error loading shared library )?(ld-linux-x86-64\.so\.2|libc\.so\.6)[:,].*(?:No such file|cannot open)/,
    message: () => 'The native library is for glibc, and this system has another C library.',
    hint: 'Use an image with glibc, such as node:22-slim instead of node:22-alpine, or @ss/wasm.',
  },
  {
    pattern: /(?:Error loading shared library )?(lib[\w.+-]+\.so[\w.]*)[:,].*(?:No such file|cannot open)/,
    message: (library) => `The native library needs ${library}, which is not on this system.`,
    hint: 'It lies beside the library in the package for this platform: install that again. For one built here: apt-get install libhwy1.',
  },
  {
    pattern:
      /(?:invalid ELF header|wrong ELF class|not a mach-o file|incompatible architecture|Exec format error)/,
    message: () =>
      `The native library is for another system or processor than ${process.platform} ${process.arch}.`,
    hint: 'node_modules was copied from elsewhere, it seems: install the packages here.',
  },
  {
    pattern: /file too short/,
    message: () => 'The native library is cut off.',
    hint: 'It was not installed to the end, it seems: install the packages again.',
  },
  {
    pattern: /undefined symbol: (\w+)/,
    message: (symbol) =>
      `The native library and what it is linked with do not fit together: ${symbol} is missing.`,
    hint: 'Install the packages again; in the repository build it again: npx --yes pnpm@12 run setup.',
  },
  {
    pattern: /(?:did not self-register|Module version mismatch)/,
    message: () => 'The file is no native library of @ss/cpu.',
    hint: 'Install the packages again.',
  },
  {
    pattern: /(?:failed to map segment|Operation not permitted)/,
    message: () => 'The system does not allow native code from where the library lies (mounted noexec?).',
    hint: 'Install the packages on a file system that allows it, or use @ss/wasm.',
  },
];
