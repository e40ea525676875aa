import type { Work } from './kernel-op.ts';

/** The built-in kernels `copyBytes` and `fillZero` read these words. */
const byteArgs = { to: 'i32', from: 'i32', length: 'i32' } as const;

export function copyBytes(to: number, from: number, length: number): Work<typeof byteArgs> {
  return bytesWork('copyBytes', { to, from, length });
}

export function fillZero(to: number, length: number): Work<typeof byteArgs> {
  return bytesWork('fillZero', { to, from: 0, length });
}

function bytesWork(kernel: string, values: Work<typeof byteArgs>['values']): Work<typeof byteArgs> {
  return { kernel, layout: byteArgs, values, units: 1, scratchBytes: 0, cost: 0 };
}
