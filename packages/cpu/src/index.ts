export { cpu } from './cpu.ts';
export type { CpuOptions } from './options.ts';
