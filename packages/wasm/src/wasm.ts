import { checkOptions, checkThreads, defineBackend, showValue, SsError } from '@ss/core';
import type { Backend, BackendRegistration, OptionNames, Probe } from '@ss/core';
import { hasSimd } from './kernels/module.ts';
import { addressSpace, pageBytes } from './memory/pages.ts';
import type { WasmOptions } from './options.ts';

const optionNames: OptionNames<WasmOptions> = {
  threads: 'num_threads n_threads cores',
  mode: true,
  relaxedSimd: true,
  source: true,
  workerUrl: true,
  maxMemory: true,
};

/**
 * The WebAssembly backend: SIMD kernels, on threads where the environment has shared memory. Works in Node,
 * browsers and workers without configuration.
 * @throws SsError `argument-invalid` for an option that means nothing
 */
export function wasm(given: WasmOptions = {}): BackendRegistration {
  const options = { ...given };
  check(options);
  return defineBackend({
    apiVersion: 1,
    id: 'wasm',
    priority: 100,
    probe,
    load: async (request): Promise<Backend> => (await import('./load.ts')).load(options, request),
  });
}

function probe(): Probe {
  if (typeof WebAssembly !== 'object')
    return blocked('webassembly-missing', 'this environment has no WebAssembly');
  if (!hasSimd()) return blocked('simd-missing', 'WebAssembly has no SIMD here');
  return { available: true };
}

function blocked(code: string, message: string): Probe {
  const fix = 'Use Node 22 or a browser of 2023 or later.';
  return { available: false, blockers: [{ code, message, origin: 'environment', fix }] };
}

function check(options: WasmOptions): void {
  checkOptions('wasm()', options, optionNames);
  const { threads, mode, relaxedSimd, maxMemory } = options;
  if (threads !== undefined && threads !== 'auto') checkThreads('wasm: threads', threads);
  const within = (value: unknown, least: number, most: number): boolean =>
    Number.isInteger(value) && (value as number) >= least && (value as number) <= most;
  const wanted: readonly (readonly [name: string, value: unknown, ok: boolean, what: string])[] = [
    ['mode', mode, ['auto', 'inline', 'worker'].includes(String(mode)), "'auto', 'inline' or 'worker'"],
    ['relaxedSimd', relaxedSimd, ['auto', true, false].includes(relaxedSimd!), "'auto', true or false"],
    ['maxMemory', maxMemory, within(maxMemory, 4 * pageBytes, addressSpace), 'bytes, from 256 KiB to 4 GiB,'],
  ];
  for (const [name, value, ok, what] of wanted) {
    if (value === undefined || ok) continue;
    throw new SsError('argument-invalid', `wasm: ${name} is ${showValue(value)} where ${what} is wanted.`, {
      details: { [name]: value },
    });
  }
}
