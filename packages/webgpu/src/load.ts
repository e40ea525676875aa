import { SsError, throwIfAborted } from '@ss/core';
import type { Backend, DeviceInfo, LoadOptions } from '@ss/core';
import { WebGpuBackend } from './backend.ts';
import { adapterRequest, findGpu, gpuMissing } from './gpu.ts';
import type { WebGpuOptions } from './options.ts';

/** Limits that kernels make use of; asked for at the adapter's maximum. */
const limits = ['maxBufferSize', 'maxStorageBufferBindingSize', 'maxStorageBuffersPerShaderStage'] as const;

/** Features that kernels or the trace use where they are offered. */
const features: readonly GPUFeatureName[] = ['timestamp-query'];

/**
 * Opens the device.
 * @throws SsError `backend-unavailable`, `aborted`
 */
export async function load(options: WebGpuOptions, { signal }: LoadOptions): Promise<Backend> {
  const { device: given, maxMemory = Infinity } = options;
  const device = given ?? (await open(options));
  if (signal?.aborted && !given) device.destroy();
  throwIfAborted(signal, 'loading webgpu');
  return new WebGpuBackend(describe(device), device, { total: maxMemory, owned: given === undefined });
}

async function open(options: WebGpuOptions): Promise<GPUDevice> {
  const gpu = await findGpu(options);
  if (gpu === undefined) throw unavailable(gpuMissing().message);
  const adapter = await gpu.requestAdapter(adapterRequest(options));
  if (adapter === null) throw unavailable('WebGPU finds no adapter here');
  try {
    return await adapter.requestDevice({
      label: '@ss/webgpu',
      requiredFeatures: features.filter((feature) => adapter.features.has(feature)),
      requiredLimits: Object.fromEntries(limits.map((name) => [name, adapter.limits[name]])),
    });
  } catch (cause) {
    throw unavailable(`the adapter gives no device: ${String(cause)}`, cause);
  }
}

function unavailable(why: string, cause?: unknown): SsError {
  return new SsError('backend-unavailable', `webgpu: ${why}.`, { cause });
}

function describe({ adapterInfo, features: has }: GPUDevice): DeviceInfo {
  // Not every runtime says what its adapter is.
  const info: Partial<GPUAdapterInfo> = adapterInfo ?? {};
  const { vendor, architecture, device, description, isFallbackAdapter = false } = info;
  const name = description || [vendor, device || architecture].filter(Boolean).join(' ') || 'GPU';
  return {
    kind: isFallbackAdapter ? 'cpu' : 'gpu',
    name,
    facts: {
      ...(vendor && { vendor }),
      ...(architecture && { architecture }),
      ...(isFallbackAdapter && { fallbackAdapter: true }),
      timestamps: has.has('timestamp-query'),
    },
  };
}
