import type { Shape } from '../src/shape.ts';

/** Deterministic numbers in (-1, 1), different for every seed. */
export function noise(shape: Shape, seed: number): Float64Array {
  let state = Math.imul(seed, 2654435761);
  return Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}
