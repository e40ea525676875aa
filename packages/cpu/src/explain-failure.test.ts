import { expect, test } from 'vitest';
import { explainFailure } from './explain-failure.ts';

/** What glibc 2.31 and 2.36 and musl 1.2 say, word for word. */
test.each([
  [
    "/lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.34' not found (required by /app/ss-cpu.node)",
    /C library of this system is older than GLIBC 2\.34/,
  ],
  [
    "/lib/x86_64-linux-gnu/libstdc++.so.6: version `GLIBCXX_3.4.30' not found (required by /app/ss-cpu.node)",
    /libstdc\+\+\) has no GLIBCXX_3\.4\.30/,
  ],
  ['libhwy.so.1: cannot open shared object file: No such file or directory', /needs libhwy\.so\.1/],
  [
    'Error loading shared library libhwy.so.1: No such file or directory (needed by /app/ss-cpu.node)',
    /needs libhwy\.so\.1/,
  ],
  [
    'Error loading shared library ld-linux-x86-64.so.2: No such file or directory (needed by /app/ss-cpu.node)',
    /for glibc, and this system has another C library/,
  ],
  ['/app/ss-cpu.node: invalid ELF header', /for another system or processor than/],
  ['/app/ss-cpu.node: file too short', /cut off/],
  [
    '/app/ss-cpu.node: undefined symbol: _ZN3hwy16SupportedTargetsEv',
    /_ZN3hwy16SupportedTargetsEv is missing/,
  ],
  ['Module did not self-register: /app/ss-cpu.node', /no native library of @ss\/cpu/],
  ['/app/ss-cpu.node: failed to map segment from shared object', /noexec/],
])('%s', (said, message) => {
  const explained = explainFailure('/app/ss-cpu.node', said);
  expect(explained.message).toMatch(message);
  expect(explained.message).toContain(said);
  expect(explained.hint).toMatch(/\.$/);
});

test('what nobody has seen before is passed on', () => {
  const { message, hint } = explainFailure('/app/ss-cpu.node', 'the moon is full');
  expect(message).toContain('the moon is full');
  expect(hint).toContain('ss doctor');
});
