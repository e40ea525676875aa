import { defineBackend } from '@ss/core';
import type { Backend, BackendRegistration, Probe } from '@ss/core';
import { hasSimd } from './kernels/module.ts';
import type { WasmOptions } from './options.ts';

/**
 * The WebAssembly backend: SIMD kernels, on threads where the environment has shared memory. Works in Node,
 * browsers and workers without configuration.
 */
export function wasm(options: WasmOptions = {}): BackendRegistration {
  return defineBackend({ apiVersion: 1, id: 'wasm', priority: 100, probe, load: async (given): Promise<Backend> => (await import('./load.ts')).load(options, given) });
}

function probe(): Probe {
  if (typeof WebAssembly !== 'object') return blocked('webassembly-missing', 'this environment has no WebAssembly');
  if (!hasSimd()) return blocked('simd-missing', 'WebAssembly has no SIMD here');
  return { available: true };
}

function blocked(code: string, message: string): Probe {
  const fix = 'Use Node 22 or a browser of 2023 or later.';
  return { available: false, blockers: [{ code, message, origin: 'environment', fix }] };
}
