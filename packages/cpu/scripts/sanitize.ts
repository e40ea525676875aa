import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { build, root } from './native/compile.ts';
import { compiler, missing } from './native/toolchain.ts';

/*
 * Builds the native library of @ss/cpu with a sanitizer and runs the conformance kit on it:
 *
 *     node packages/cpu/scripts/sanitize.ts [address|thread] [arguments of ss conformance]
 *
 * Node itself is not instrumented, so the sanitizer's library is loaded before it.
 */

interface Sanitizer {
  readonly flags: readonly string[];
  readonly library: string;
  readonly environment: Readonly<Record<string, string>>;
}

const sanitizers: Readonly<Record<string, Sanitizer>> = {
  address: {
    flags: ['-fsanitize=address,undefined', '-fno-sanitize-recover=undefined', '-fno-omit-frame-pointer'],
    library: 'libasan.so',
    environment: {
      // Leaks are counted by the kit; what Node itself keeps until its end is not ours.
      ASAN_OPTIONS:
        'allocator_may_return_null=1:detect_leaks=0:halt_on_error=1:abort_on_error=1:detect_stack_use_after_return=0',
      UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1',
    },
  },
  thread: {
    flags: ['-fsanitize=thread', '-fno-omit-frame-pointer'],
    library: 'libtsan.so',
    environment: {
      // Threads of Node and V8 synchronise by atomics that it cannot see.
      TSAN_OPTIONS:
        'allocator_may_return_null=1:halt_on_error=0:exitcode=66:ignore_noninstrumented_modules=1:history_size=4',
    },
  },
};

const [name = 'address', ...rest] = process.argv.slice(2);
const sanitizer = sanitizers[name];
if (sanitizer === undefined) throw new Error(`${name} is none of ${Object.keys(sanitizers).join(', ')}.`);
const lacking = missing();
if (lacking.length > 0) throw new Error(`The native library cannot be built: ${lacking.join('; ')}.`);

const { path: library } = await build({
  into: join(root, 'build', name),
  // Small tests, too, are to run on several threads at once.
  flags: [...sanitizer.flags, '-DSS_SHARE_EVERYTHING'],
  optimise: '-O1',
});
const preload = execFileSync(compiler, [`-print-file-name=${sanitizer.library}`], {
  encoding: 'utf8',
}).trim();
const ss = join(root, '../cli/src/bin.ts');
const args = ['conformance', '--backend', 'cpu', '--threads', '3', ...rest];
// Without random addresses: ThreadSanitizer wants some for itself.
const { status, signal } = spawnSync('setarch', ['-R', process.execPath, ss, ...args], {
  stdio: 'inherit',
  env: { ...process.env, ...sanitizer.environment, LD_PRELOAD: preload, SS_CPU_LIBRARY: library },
});
if (signal) console.error(`ended by ${signal}`);
process.exitCode = status ?? 1;
