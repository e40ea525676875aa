/** What the place this runs in offers. */
export interface Surroundings {
  readonly sharedMemory: boolean;
  /** False where waiting is forbidden: the thread of a web page, service workers. */
  readonly mayWait: boolean;
  readonly cores: number;
  /** Node's worker threads, or what imitates them. */
  readonly workerThreads: WorkerThreads | undefined;
}

export interface NodeWorker {
  postMessage(message: unknown): void;
  on(event: 'message' | 'error' | 'exit', listener: (value: unknown) => void): void;
  ref(): void;
  unref(): void;
  terminate(): Promise<unknown>;
}

export interface WorkerThreads {
  readonly Worker: new (
    script: string | URL,
    options: {
      readonly eval?: boolean;
      readonly name?: string;
      readonly execArgv?: string[];
      readonly env?: object;
    },
  ) => NodeWorker;
}

export function surroundings(): Surroundings {
  const global = globalThis as {
    crossOriginIsolated?: boolean;
    WorkerGlobalScope?: unknown;
    ServiceWorkerGlobalScope?: unknown;
    navigator?: { hardwareConcurrency?: number };
  };
  const workerThreads = builtin<WorkerThreads>('node:worker_threads');
  return {
    sharedMemory: typeof SharedArrayBuffer === 'function' && global.crossOriginIsolated !== false,
    mayWait:
      workerThreads !== undefined ||
      (global.WorkerGlobalScope !== undefined && global.ServiceWorkerGlobalScope === undefined),
    cores: global.navigator?.hardwareConcurrency ?? 1,
    workerThreads,
  };
}

/** A module of Node without importing it, so that bundles for browsers do not ask for it. */
export function builtin<T>(name: string): T | undefined {
  const { process } = globalThis as { process?: { getBuiltinModule?(id: string): unknown } };
  return process?.getBuiltinModule?.(name) as T | undefined;
}
