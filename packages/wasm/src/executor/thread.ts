import { SsError } from '@ss/core';
import type { WorkerThreads } from '../surroundings.ts';
import { workerScript } from '../worker/script.generated.ts';
import type { Start, Told } from '../worker/start.ts';

/** A worker of Node or of the web, as far as it is needed here. */
export interface Thread {
  post(message: Start): void;
  /** Keeps the process alive, or not; without effect on the web. */
  hold(): void;
  rest(): void;
  terminate(): unknown;
}

export interface ThreadOptions {
  readonly name: string;
  readonly workerUrl: string | URL | undefined;
  readonly workerThreads: WorkerThreads | undefined;
  heard(what: Told): void;
  /** It ended without being told to. */
  died(why: string): void;
}

/**
 * Starts a worker without any file beside the program, or from `workerUrl`.
 * @throws SsError `backend-unavailable` where the system starts no more threads
 */
export function startThread(options: ThreadOptions): Thread {
  try {
    return options.workerThreads ? nodeThread(options.workerThreads, options) : webThread(options);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new SsError('backend-unavailable', `The threads of wasm do not start: ${why}.`, {
      hint: 'This user or container runs as many processes as it may: see ulimit -u, or the limit of pids.',
      cause,
    });
  }
}

function nodeThread({ Worker }: WorkerThreads, { name, workerUrl, heard, died }: ThreadOptions): Thread {
  // Loaders and preloads of the program have no place in a script that imports nothing.
  const worker =
    workerUrl === undefined
      ? new Worker(workerScript, { eval: true, name, execArgv: [] })
      : new Worker(new URL(workerUrl), { name });
  worker.on('message', (what) => heard(what as Told));
  worker.on('error', (error) => died(String(error)));
  worker.on('exit', (code) => died(`its worker ended with code ${String(code)}`));
  worker.unref();
  return {
    post: (message) => worker.postMessage(message),
    hold: () => worker.ref(),
    rest: () => worker.unref(),
    terminate: () => worker.terminate(),
  };
}

function webThread({ name, workerUrl, heard, died }: ThreadOptions): Thread {
  const own = workerUrl ?? URL.createObjectURL(new Blob([workerScript], { type: 'text/javascript' }));
  const worker = new Worker(own, workerUrl === undefined ? { name } : { name, type: 'module' });
  worker.addEventListener('message', ({ data }: MessageEvent<Told>) => {
    if (data === 'ready' && workerUrl === undefined) URL.revokeObjectURL(String(own));
    heard(data);
  });
  worker.addEventListener('error', (event) => died(event.message || 'its worker could not be loaded'));
  const nothing = (): void => undefined;
  return {
    post: (message) => worker.postMessage(message),
    hold: nothing,
    rest: nothing,
    terminate: () => worker.terminate(),
  };
}
