import type { Tolerance } from '@ss/core';

export interface Comparison {
  /** largest |actual - expected|; NaN when any output is */
  readonly maxError: number;
  /** largest share of the allowed error that was used; at most 1 when everything agrees */
  readonly used: number;
  readonly tolerance: Tolerance;
}

/** Numbers against the expected ones, each allowed `atol + rtol * |expected|`. */
export function compare(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: Tolerance,
): Comparison {
  let maxError = 0;
  let used = 0;
  for (let i = 0; i < expected.length; i++) {
    const error = Math.abs(actual[i]! - expected[i]!);
    const allowed = tolerance.atol + tolerance.rtol * Math.abs(expected[i]!);
    // Written so that NaN wins.
    if (!(error <= maxError)) maxError = error;
    if (!(error / allowed <= used)) used = error === 0 ? used : error / allowed;
  }
  return { maxError, used, tolerance };
}

export function agrees({ used }: Comparison): boolean {
  return used <= 1;
}
