import type { Backend, BackendRegistration, Probe } from '../backend.ts';
import { hasInstalledPackages, resolveInstalled } from '../installed.ts';

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

/** A registration that imports the package when it is chosen, and says so when it is not installed. */
export function installed(known: KnownBackend): BackendRegistration {
  const registration = async (): Promise<BackendRegistration> => {
    const module = (await import(
      /* @vite-ignore */ /* webpackIgnore: true */ resolveInstalled(known.package, import.meta.url)!
    )) as Record<string, () => BackendRegistration>;
    return module[known.factory]!();
  };
  return {
    apiVersion: 1,
    id: known.id,
    priority: known.priority,
    async probe(): Promise<Probe> {
      if (resolveInstalled(known.package, import.meta.url) === undefined) return missing(known);
      return (await registration()).probe();
    },
    load: async (options): Promise<Backend> => (await registration()).load(options),
  };
}

function missing({ package: name }: KnownBackend): Probe {
  const inNode = hasInstalledPackages();
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
