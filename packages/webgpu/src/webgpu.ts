import { checkOptions, defineBackend, showValue, SsError } from '@ss/core';
import type { Backend, BackendRegistration, OptionNames, Probe } from '@ss/core';
import { adapterRequest, findGpu, gpuMissing } from './gpu.ts';
import type { WebGpuOptions } from './options.ts';

/** Above WebAssembly. */
const priority = 150;
/** An adapter that computes on the processor does it more slowly than WebAssembly; it stays above the reference. */
const fallbackPriority = 50;

/**
 * The WebGPU backend: WGSL kernels on `navigator.gpu` in pages and workers, in Node on the `gpu` given or on that of the
 * package `webgpu`.
 * @throws SsError `argument-invalid` for an option that means nothing
 */
export function webgpu(given: WebGpuOptions = {}): BackendRegistration {
  const options = { ...given };
  check(options);
  return defineBackend({
    apiVersion: 1,
    id: 'webgpu',
    priority,
    probe: () => probe(options),
    load: async (request): Promise<Backend> => (await import('./load.ts')).load(options, request),
  });
}

async function probe(options: WebGpuOptions): Promise<Probe> {
  if (options.device) return { available: true };
  const gpu = await findGpu(options);
  if (gpu === undefined) return { available: false, blockers: [gpuMissing()] };
  const adapter = await gpu.requestAdapter(adapterRequest(options));
  // Not every runtime says what its adapter is.
  const info: Partial<GPUAdapterInfo> | undefined = adapter?.info;
  const fallback = info?.isFallbackAdapter ?? false;
  if (adapter === null || (fallback && options.fallbackAdapter === false)) {
    const message = fallback
      ? 'the only adapter computes on the processor (a fallback adapter), which was not wanted'
      : 'WebGPU finds no adapter here';
    const fix = 'Use a machine with a graphics driver that WebGPU supports.';
    return {
      available: false,
      blockers: [{ code: 'adapter-missing', message, origin: 'environment', fix }],
    };
  }
  if (!fallback) return { available: true };
  return {
    available: true,
    priority: fallbackPriority,
    notes: ['a fallback adapter: it computes on the processor'],
  };
}

const optionNames: OptionNames<WebGpuOptions> = {
  gpu: true,
  device: true,
  powerPreference: true,
  fallbackAdapter: true,
  maxMemory: true,
};

function check(options: WebGpuOptions): void {
  checkOptions('webgpu()', options, optionNames);
  const { powerPreference, fallbackAdapter, maxMemory } = options;
  const preferences: readonly unknown[] = ['low-power', 'high-performance'];
  const wanted: readonly (readonly [name: string, value: unknown, ok: boolean, what: string])[] = [
    [
      'powerPreference',
      powerPreference,
      preferences.includes(powerPreference),
      "'low-power' or 'high-performance'",
    ],
    ['fallbackAdapter', fallbackAdapter, typeof fallbackAdapter === 'boolean', 'true or false'],
    ['maxMemory', maxMemory, Number.isInteger(maxMemory) && maxMemory! > 0, 'a number of bytes'],
  ];
  for (const [name, value, ok, what] of wanted) {
    if (value === undefined || ok) continue;
    throw new SsError('argument-invalid', `webgpu: ${name} is ${showValue(value)} where ${what} is wanted.`, {
      details: { [name]: value },
    });
  }
}
