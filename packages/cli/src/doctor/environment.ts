import { availableParallelism, cpus, release, totalmem, type } from 'node:os';
import { environmentVariables, nearestName, readEnvironment, SsError } from '@ss/core';

/** A WebAssembly module of one function that uses `i8x16.popcnt`: what the SIMD proposal added. */
const simdModule = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98,
  11,
];
/** One that uses `i8x16.relaxed_swizzle`. */
const relaxedModule = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13, 0, 65, 1, 253, 15, 65, 2,
  253, 15, 253, 128, 2, 11,
];

/** What the machine and the runtime offer, for people and bug reports. */
export interface Environment {
  readonly runtime: string;
  readonly system: string;
  readonly libc: string | null;
  readonly processor: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly sharedMemory: boolean;
  readonly wasmSimd: boolean;
  readonly wasmRelaxedSimd: boolean;
}

export interface Variables {
  /** those that mean something and are set */
  readonly set: Readonly<Record<string, string>>;
  /** those that start with SS_ and mean nothing, each with the name that may have been meant */
  readonly unknown: readonly { readonly name: string; readonly meant: string | null }[];
  /** known ones whose value is not understood: nothing can be chosen while they are set */
  readonly invalid: readonly { readonly name: string; readonly why: string }[];
}

export function readMachine(): Environment {
  const constrained = process.constrainedMemory();
  return {
    runtime: `${runtimeName()} ${process.versions['bun'] ?? process.versions['deno'] ?? process.versions.node}`,
    system: `${type()} ${release()} ${process.arch}`,
    libc: libc(),
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    // A container's limit, where there is one below what the machine has.
    memoryBytes: constrained > 0 ? Math.min(constrained, totalmem()) : totalmem(),
    sharedMemory: typeof SharedArrayBuffer === 'function',
    wasmSimd: WebAssembly.validate(Uint8Array.from(simdModule)),
    wasmRelaxedSimd: WebAssembly.validate(Uint8Array.from(relaxedModule)),
  };
}

export function readVariables(env: Readonly<Record<string, string | undefined>> = process.env): Variables {
  const known: readonly string[] = environmentVariables;
  const set: Record<string, string> = Object.fromEntries(
    known.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])),
  );
  const others = Object.keys(env).filter((name) => name.startsWith('SS_') && !known.includes(name));
  const invalid = Object.entries(set).flatMap(([name, value]) => {
    const why = complaint({ [name]: value });
    return why === undefined ? [] : [{ name, why }];
  });
  const names = Object.fromEntries(known.map((name) => [name, true as const]));
  return { set, unknown: others.map((name) => ({ name, meant: nearestName(name, names) ?? null })), invalid };
}

function complaint(env: Readonly<Record<string, string>>): string | undefined {
  try {
    readEnvironment(env);
    return undefined;
  } catch (error) {
    if (SsError.is(error)) return error.message;
    throw error;
  }
}

function runtimeName(): string {
  return 'bun' in process.versions ? 'Bun' : 'deno' in process.versions ? 'Deno' : 'Node';
}

function libc(): string | null {
  if (process.platform !== 'linux') return null;
  // Without this the report looks up the host's network interfaces, which may take seconds.
  Object.assign(process.report, { excludeNetwork: true });
  const { header } = process.report.getReport() as {
    readonly header?: { readonly glibcVersionRuntime?: string };
  };
  return header?.glibcVersionRuntime === undefined ? 'musl or other' : `glibc ${header.glibcVersionRuntime}`;
}
