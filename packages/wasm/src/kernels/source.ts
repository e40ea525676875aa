import { SsError } from '@ss/core';
import type { WasmOptions } from '../options.ts';
import { builtin } from '../surroundings.ts';
import { embeddedKernels, withoutSharedMemory } from './module.ts';
import type { Variant } from './module.ts';

/**
 * The kernels as a module for a memory of this kind, from `source` or from the package's own text.
 * @throws SsError `backend-unavailable` when the source cannot be read or compiled
 */
export async function kernelModule(
  source: WasmOptions['source'],
  variant: Variant,
  sharedMemory: boolean,
): Promise<WebAssembly.Module> {
  if (source instanceof WebAssembly.Module) return source;
  const binary = source === undefined ? await embeddedKernels(variant) : await bytesOf(source);
  try {
    return await WebAssembly.compile(sharedMemory ? binary : withoutSharedMemory(binary));
  } catch (cause) {
    throw new SsError('backend-unavailable', `The kernels of wasm do not compile: ${String(cause)}.`, {
      hint: "A page with a content security policy has to allow 'wasm-unsafe-eval' in script-src.",
      cause,
    });
  }
}

async function bytesOf(source: string | URL | ArrayBuffer | Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  if (source instanceof ArrayBuffer) return new Uint8Array(source);
  if (source instanceof Uint8Array) return new Uint8Array(source);
  try {
    const files = builtin<{ readFile(path: URL): Promise<Uint8Array<ArrayBuffer>> }>('node:fs/promises');
    if (files && String(source).startsWith('file:'))
      return new Uint8Array(await files.readFile(new URL(source)));
    const response = await fetch(source);
    if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
    return new Uint8Array(await response.arrayBuffer());
  } catch (cause) {
    throw new SsError('backend-unavailable', `The kernels of wasm cannot be read from ${String(source)}.`, {
      cause,
    });
  }
}
