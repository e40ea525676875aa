import { SsError, throwIfAborted } from '@ss/core';
import type { Backend, LoadOptions } from '@ss/core';
import { WasmBackend } from './backend.ts';
import { kernelTable } from './executor/command-list.ts';
import type { KernelTable } from './executor/command-list.ts';
import { controlWords } from './executor/control.ts';
import { Crew } from './executor/crew.ts';
import type { Executor } from './executor/executor.ts';
import { InlineExecutor } from './executor/inline-executor.ts';
import { WorkerExecutor } from './executor/worker-executor.ts';
import { hasRelaxedSimd } from './kernels/module.ts';
import { kernelModule } from './kernels/source.ts';
import { chooseManner } from './manner.ts';
import type { Manner } from './manner.ts';
import { LinearMemory } from './memory/linear-memory.ts';
import type { WasmOptions } from './options.ts';
import { surroundings } from './surroundings.ts';

/**
 * Opens the device: kernels, memory, and threads where they are wanted and possible.
 * @throws SsError `backend-unavailable`, `out-of-memory`, `aborted`
 */
export async function load(options: WasmOptions, { signal }: LoadOptions): Promise<Backend> {
  const manner = chooseManner(options, surroundings());
  try {
    return await open(options, manner, signal);
  } catch (error) {
    // Workers may be forbidden by a page's policy, and shared memory may be refused; nobody asked for them by name.
    const refused = SsError.is(error, 'backend-unavailable') || SsError.is(error, 'out-of-memory');
    if (!manner.crew || !manner.alternative || !refused) throw error;
    return open(options, { ...manner.alternative, limit: error.message }, signal);
  }
}

async function open(options: WasmOptions, manner: Manner, signal: AbortSignal | undefined): Promise<Backend> {
  const { relaxedSimd = 'auto', source, maxMemory } = options;
  const { crew: wantsCrew } = manner;
  const relaxed = relaxedSimd === 'auto' ? hasRelaxedSimd() : relaxedSimd;
  const module = await kernelModule(source, relaxed ? 'relaxed' : 'baseline', wantsCrew);
  throwIfAborted(signal, 'loading wasm');
  const memory = new LinearMemory({
    shared: wantsCrew,
    maximum: maxMemory,
    alternative: manner.alternative !== undefined,
  });
  try {
    return await start(options, manner, { relaxed, module, memory }, signal);
  } catch (error) {
    memory.release({ idle: false });
    throw error;
  }
}

interface Opened {
  readonly relaxed: boolean;
  readonly module: WebAssembly.Module;
  readonly memory: LinearMemory;
}

async function start(
  { workerUrl }: WasmOptions,
  { mode, threads, crew: wantsCrew, limit }: Manner,
  { relaxed, module, memory }: Opened,
  signal: AbortSignal | undefined,
): Promise<Backend> {
  const limits = [limit, memory.limit].filter((each) => each !== undefined);
  const table = tableOf(module, memory);
  const control = new Int32Array(
    wantsCrew ? new SharedArrayBuffer(4 * controlWords) : new ArrayBuffer(4 * controlWords),
  );
  const { workerThreads } = surroundings();
  const shared = { module, memory: memory.memory, control, threads };
  const crew = wantsCrew
    ? await Crew.start({ ...shared, coordinator: mode === 'worker', workerUrl, workerThreads, signal })
    : undefined;
  const executor: Executor =
    crew && mode === 'worker'
      ? new WorkerExecutor(crew, control, threads)
      : new InlineExecutor({ ...shared, thread: 0, table, words: memory.words }, crew);
  const facts = {
    simd: relaxed ? 'relaxed' : 'baseline',
    mode,
    threads,
    ...(limits.length > 0 && { limit: limits.join('; ') }),
  };
  return new WasmBackend({ kind: 'cpu', name: 'WebAssembly', facts }, memory, executor, table);
}

function tableOf(module: WebAssembly.Module, { memory }: LinearMemory): KernelTable {
  try {
    return kernelTable(new WebAssembly.Instance(module, { env: { memory } }), memory);
  } catch (cause) {
    throw new SsError(
      'backend-unavailable',
      `The kernels of wasm do not fit this memory: ${String(cause)}.`,
      { cause },
    );
  }
}
