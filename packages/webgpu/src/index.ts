export type { WebGpuOptions } from './options.ts';
export { webgpu } from './webgpu.ts';
