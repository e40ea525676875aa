import { hasInstalledPackages, resolveInstalled, SsError } from '@ss/core';
import type { Blocker } from '@ss/core';
import type { WebGpuOptions } from './options.ts';

/** The npm package `webgpu`: Dawn in Node. */
interface DawnModule {
  create(flags: readonly string[]): GPU;
}

/** One for the process: devices of a second instance would know nothing of the first. */
let dawn: Promise<GPU | undefined> | undefined;

/** Where adapters come from here. */
export async function findGpu({ gpu }: WebGpuOptions): Promise<GPU | undefined> {
  if (gpu) return gpu;
  const { navigator } = globalThis as { navigator?: { gpu?: GPU } };
  return navigator?.gpu ?? (dawn ??= loadDawn());
}

export function adapterRequest({ powerPreference }: WebGpuOptions): GPURequestAdapterOptions {
  return powerPreference === undefined ? {} : { powerPreference };
}

/** Why there is no `GPU` object here, and what would help. */
export function gpuMissing(): Blocker {
  if (hasInstalledPackages()) {
    return {
      code: 'not-installed',
      message: 'Node has no WebGPU of its own, and the package webgpu is not installed',
      origin: 'install',
      fix: 'npm install webgpu, or pass webgpu({ gpu })',
    };
  }
  const insecure = (globalThis as { isSecureContext?: boolean }).isSecureContext === false;
  return {
    code: 'webgpu-missing',
    message: insecure ? 'a page has WebGPU only over https or localhost' : 'this environment has no WebGPU',
    origin: 'environment',
    fix: insecure ? 'Serve it over https.' : 'Use a browser of 2025 or later.',
  };
}

/** @throws SsError `backend-unavailable` when the package is there and cannot be used */
async function loadDawn(): Promise<GPU | undefined> {
  const url = resolveInstalled('webgpu', import.meta.url);
  if (url === undefined) return undefined;
  try {
    const { create } = (await import(/* @vite-ignore */ /* webpackIgnore: true */ url)) as DawnModule;
    return create([]);
  } catch (cause) {
    dawn = undefined;
    throw new SsError('backend-unavailable', `The package webgpu cannot be loaded: ${String(cause)}.`, {
      cause,
    });
  }
}
