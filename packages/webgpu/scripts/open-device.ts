import { create } from 'webgpu';

// Without rounding to a tenth of a millisecond, which is for pages of strangers. Devices do not outlive it.
const gpu = create(['disable-dawn-features=timestamp_quantization']);

/** The fastest adapter's device with its clock, its largest buffers, and what it is called. */
export async function openDevice(): Promise<{ readonly device: GPUDevice; readonly name: string }> {
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (adapter === null) throw new Error('There is no adapter here.');
  if (!adapter.features.has('timestamp-query')) throw new Error('The adapter has no clock.');
  const { maxBufferSize, maxStorageBufferBindingSize, maxStorageBuffersPerShaderStage } = adapter.limits;
  const device = await adapter.requestDevice({
    requiredFeatures: ['timestamp-query'],
    requiredLimits: { maxBufferSize, maxStorageBufferBindingSize, maxStorageBuffersPerShaderStage },
  });
  const { vendor, device: model, description } = adapter.info;
  return { device, name: [vendor, model || description].join(' ') };
}
