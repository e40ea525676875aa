import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { create } from 'webgpu';

/** Where Chromium's packages put SwiftShader, a Vulkan driver that computes on the processor. */
const drivers = [
  '/usr/lib/chromium/vk_swiftshader_icd.json',
  '/usr/lib/chromium-browser/vk_swiftshader_icd.json',
  '/opt/google/chrome/vk_swiftshader_icd.json',
];

/** The sentence a test skips with where no adapter is found. */
export const NO_ADAPTER =
  'no WebGPU adapter here: install chromium and libvulkan1, or name a driver in VK_ICD_FILENAMES';

/** An adapter on any machine, if Chromium is installed: Dawn on SwiftShader, or on the driver that VK_ICD_FILENAMES names. */
export async function softwareGpu(): Promise<GPU | undefined> {
  process.env['VK_ICD_FILENAMES'] ??= drivers.find(existsSync) ?? '';
  // The Vulkan loader complains without it.
  process.env['XDG_RUNTIME_DIR'] ??= tmpdir();
  // SwiftShader compiles the zeroing of workgroup memory into a store for every element, which takes longer than all
  // the rest. Our kernels write before they read, and without the zeroing it shows if one does not.
  const gpu = create(['enable-dawn-features=disable_workgroup_init']);
  return (await gpu.requestAdapter()) === null ? undefined : gpu;
}

/** An adapter that validates everything and computes nothing, with the default limits. */
export function nullGpu(): GPU {
  return create(['backend=null']);
}
