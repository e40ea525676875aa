import type { Backend, BackendRegistration, Probe } from '../backend.ts';

interface KnownBackend {
  readonly id: string;
  readonly package: string;
  /** The function the package exports that makes its registration. */
  readonly factory: string;
  readonly priority: number;
}

/** Backends that a program in Node finds when they are installed, without naming them. */
export const knownBackends: readonly KnownBackend[] = [
  { id: 'cpu', package: '@ss/cpu', factory: 'cpu', priority: 200 },
  { id: 'wasm', package: '@ss/wasm', factory: 'wasm', priority: 100 },
  // Only when named: Node has no WebGPU of its own, and opening a borrowed one is nothing to do unasked.
  { id: 'webgpu', package: '@ss/webgpu', factory: 'webgpu', priority: -1 },
];

interface NodeModule {
  createRequire(from: string): { resolve(specifier: string): string };
}
interface NodeUrl {
  pathToFileURL(path: string): URL;
}

/** A registration that imports the package when it is chosen, and says so when it is not installed. */
export function installed(known: KnownBackend): BackendRegistration {
  const registration = async (): Promise<BackendRegistration> => {
    const module = (await import(
      /* @vite-ignore */ /* webpackIgnore: true */ resolve(known.package)!
    )) as Record<string, () => BackendRegistration>;
    return module[known.factory]!();
  };
  return {
    apiVersion: 1,
    id: known.id,
    priority: known.priority,
    async probe(): Promise<Probe> {
      if (resolve(known.package) === undefined) return missing(known);
      return (await registration()).probe();
    },
    load: async (options): Promise<Backend> => (await registration()).load(options),
  };
}

function missing({ package: name }: KnownBackend): Probe {
  const inNode = nodeModules() !== undefined;
  return {
    available: false,
    blockers: [
      {
        code: 'not-installed',
        message: inNode ? `${name} is not installed` : `${name} was not given to createRegistry()`,
        origin: 'install',
        fix: inNode ? `npm install ${name}` : `createRegistry([...]) with the backends of your bundle`,
      },
    ],
  };
}

/** The package's entry as a URL, looked up from the working directory, the program, and this file. */
function resolve(name: string): string | undefined {
  const node = nodeModules();
  if (node === undefined) return undefined;
  const from = [`${node.cwd}/`, node.program, import.meta.url].filter((at) => at !== undefined);
  for (const at of from) {
    try {
      return node.url.pathToFileURL(node.module.createRequire(at).resolve(name)).href;
    } catch {
      // Not visible from there; the next place may see it.
    }
  }
  return undefined;
}

function nodeModules():
  | { module: NodeModule; url: NodeUrl; cwd: string; program: string | undefined }
  | undefined {
  const { process } = globalThis as {
    process?: { getBuiltinModule?(id: string): unknown; cwd?(): string; argv?: string[] };
  };
  const module = process?.getBuiltinModule?.('node:module') as NodeModule | undefined;
  const url = process?.getBuiltinModule?.('node:url') as NodeUrl | undefined;
  if (!module?.createRequire || !url?.pathToFileURL || !process?.cwd) return undefined;
  return { module, url, cwd: process.cwd(), program: process.argv?.[1] };
}
