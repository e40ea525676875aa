import type { Limits } from './peer.ts';

/** Of two measurements of what the machine can do, the more each: whatever else runs only takes away. */
export function most(a: Limits | undefined, b: Limits | undefined): Limits | undefined {
  if (!a || !b) return a ?? b;
  const rates = ['GFLOP/s', 'GB/s', 'G updates/s'] as const;
  return { ...a, ...Object.fromEntries(rates.map((unit) => [unit, Math.max(a[unit], b[unit])])) };
}
