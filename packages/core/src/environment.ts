import { SsError } from './errors.ts';
import { checkThreads, maxThreads } from './threads.ts';

/** What `SS_*` environment variables may say. Read here and nowhere else. */
export interface Environment {
  /** `SS_BACKEND`: the id to require, as if the caller had named it */
  readonly backend: string | undefined;
  /** `SS_THREADS`: threads of backends that have them */
  readonly threads: number | undefined;
  /** `SS_LOG`: `info` prints decisions, `trace` every event, to standard error */
  readonly log: 'silent' | 'info' | 'trace';
  /** `SS_CPU_ISA`: the instruction set that native kernels stop at */
  readonly cpuIsa: string | undefined;
  /** `SS_CPU_LIBRARY`: the native library to load instead of the installed one */
  readonly cpuLibrary: string | undefined;
  /** Names that start with `SS_` and mean nothing. */
  readonly unknown: readonly string[];
}

/** Every variable that means something. */
export const environmentVariables = [
  'SS_BACKEND',
  'SS_THREADS',
  'SS_LOG',
  'SS_CPU_ISA',
  'SS_CPU_LIBRARY',
] as const;

const logLevels = ['silent', 'info', 'trace'] as const;

/** @throws SsError `environment-invalid` naming the variable and what it may be */
export function readEnvironment(
  env: Readonly<Record<string, string | undefined>> = processEnvironment(),
): Environment {
  const threads = env['SS_THREADS'];
  // Only digits: Number() takes more, such as 0x10.
  const count = threads !== undefined && /^[1-9]\d*$/.test(threads) ? Number(threads) : undefined;
  if (threads !== undefined)
    checkThreads(
      'SS_THREADS',
      count !== undefined && count <= maxThreads ? count : threads,
      'environment-invalid',
    );
  const log = logLevels.find((level) => level === (env['SS_LOG'] ?? 'silent'));
  if (log === undefined) throw invalid('SS_LOG', env['SS_LOG']!, logLevels.join(', '));
  return {
    backend: env['SS_BACKEND'] || undefined,
    threads: count,
    log,
    cpuIsa: env['SS_CPU_ISA'] || undefined,
    cpuLibrary: env['SS_CPU_LIBRARY'] || undefined,
    unknown: Object.keys(env).filter(
      (name) => name.startsWith('SS_') && !environmentVariables.some((known) => known === name),
    ),
  };
}

function processEnvironment(): Readonly<Record<string, string | undefined>> {
  const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } };
  try {
    return { ...process?.env };
  } catch {
    // Deno without --allow-env.
    return {};
  }
}

function invalid(name: string, value: string, wanted: string): SsError {
  return new SsError('environment-invalid', `${name} is ${JSON.stringify(value)} where ${wanted} is wanted.`);
}
