import { throwIfAborted } from '@ss/core';
import type { Backend, LoadOptions } from '@ss/core';
import { WasmBackend } from './backend.ts';
import { kernelTable } from './executor/command-list.ts';
import { controlWords } from './executor/control.ts';
import { InlineExecutor } from './executor/inline-executor.ts';
import { embeddedKernels, hasRelaxedSimd, withoutSharedMemory } from './kernels/module.ts';
import { addressSpace, LinearMemory } from './memory/linear-memory.ts';
import type { WasmOptions } from './options.ts';

/** Opens the device. */
export async function load(options: WasmOptions, { signal }: LoadOptions): Promise<Backend> {
  const relaxed = options.relaxedSimd === 'auto' || options.relaxedSimd === undefined ? hasRelaxedSimd() : options.relaxedSimd;
  const binary = await embeddedKernels(relaxed ? 'relaxed' : 'baseline');
  const module = await WebAssembly.compile(withoutSharedMemory(binary));
  throwIfAborted(signal, 'loading wasm');
  const memory = new LinearMemory({ shared: false, maximum: options.maxMemory ?? addressSpace });
  const instance = new WebAssembly.Instance(module, { env: { memory: memory.memory } });
  const table = kernelTable(instance, memory.memory);
  const executor = new InlineExecutor({
    thread: 0,
    threads: 1,
    control: new Int32Array(controlWords),
    memory: memory.memory,
    table,
  });
  return new WasmBackend(
    { kind: 'cpu', name: 'WebAssembly', facts: { simd: relaxed ? 'relaxed' : 'baseline', mode: 'inline', threads: 1 } },
    memory,
    executor,
    table,
  );
}
