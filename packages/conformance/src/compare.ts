import { dtypes } from '@ss/core';
import type { DType, OpCall, Shape } from '@ss/core';
import { ops } from '@ss/core/engine';
import { rounded } from './values.ts';
import type { Values } from './values.ts';

/** What came out of one output, or what should. */
export type Output = Values;

/**
 * Largest allowed energy of the error over that of the expected values, beside the op's tolerance: the
 * absolute part of that one would let small outputs be anything. f32 is the bound that ggml's backends are
 * tested with; the narrow ones leave a factor of ten and more above one rounding.
 */
const energyBound: Partial<Readonly<Record<DType, number>>> = {
  f64: 1e-18,
  f32: 1e-7,
  complex64: 1e-7,
  f16: 1e-6,
  bf16: 1e-4,
};

/** Distance of neighbours near zero, below which a relative error means nothing. */
const smallest: Partial<Readonly<Record<DType, number>>> = {
  f64: 2 ** -1074,
  f32: 2 ** -126,
  complex64: 2 ** -126,
  f16: 2 ** -24,
  bf16: 2 ** -126,
};

/** @throws Error naming the first output that is not close to what is expected, and its worst element */
export function assertClose(
  call: Pick<OpCall, 'op' | 'sizes'>,
  main: DType,
  name: string,
  actual: Output,
  expected: ArrayLike<number>,
): void {
  const { dtype, shape, data } = actual;
  if (data.length !== expected.length) {
    throw new Error(`${name} has ${data.length} numbers where ${expected.length} are expected.`);
  }
  // An output narrower than the main tensor, such as the gradient of a bf16 weight, is rounded to its own dtype.
  const storage = dtypes[dtype].epsilon > dtypes[main].epsilon ? dtype : main;
  const tolerance = ops[call.op].tolerance(storage, name, call.sizes);
  const exact = tolerance.rtol === 0 && tolerance.atol === 0;
  const wanted = exact || dtype === 'f16' ? rounded(expected, dtype) : expected;
  if (exact) {
    assertSame(name, actual, wanted);
    return;
  }
  let outside = 0;
  let worst = { index: -1, ratio: 1 };
  let errorEnergy = 0;
  let energy = 0;
  for (let index = 0; index < data.length; index++) {
    const e = wanted[index]!;
    const a = data[index]!;
    if (Object.is(a, e) || a === e) {
      if (Number.isFinite(e)) energy += e * e;
      continue;
    }
    const error = Math.abs(a - e);
    const ratio = Number.isFinite(error) ? error / (tolerance.atol + tolerance.rtol * Math.abs(e)) : Infinity;
    if (ratio > 1) outside++;
    if (ratio > worst.ratio) worst = { index, ratio };
    if (Number.isFinite(error)) {
      errorEnergy += error * error;
      energy += e * e;
    }
  }
  const { rtol, atol } = tolerance;
  if (outside > 0) {
    throw new Error(
      `${name}: ${outside} of ${data.length} outside rtol ${rtol}, atol ${atol}; worst ${at(shape, data, wanted, worst.index)}.`,
    );
  }
  // Everything but f64 may be computed in f32, even where the result is then stored as f64.
  const bound = energyBound[dtype === 'f64' ? main : dtype];
  if (bound === undefined) return;
  const floor = data.length * (smallest[dtype] ?? 0) ** 2;
  if (errorEnergy > bound * energy + floor) {
    throw new Error(
      `${name}: the energy of the error is ${(errorEnergy / energy).toExponential(1)} of that of the values; ${bound} is allowed for ${dtype}.`,
    );
  }
}

/** @throws Error when one number differs, by its bits (any NaN equals any other) */
export function assertSame(name: string, actual: Output, expected: ArrayLike<number>): void {
  const { shape, data } = actual;
  if (data.length !== expected.length) {
    throw new Error(`${name} has ${data.length} numbers where ${expected.length} are expected.`);
  }
  let different = 0;
  let first = -1;
  for (let index = 0; index < data.length; index++) {
    if (Object.is(data[index], expected[index])) continue;
    if (different++ === 0) first = index;
  }
  if (different > 0) {
    throw new Error(
      `${name}: ${different} of ${data.length} differ where the bits must agree; first ${at(shape, data, expected, first)}.`,
    );
  }
}

function at(shape: Shape, actual: ArrayLike<number>, expected: ArrayLike<number>, index: number): string {
  const parts =
    actual.length /
    Math.max(
      1,
      shape.reduce((a, b) => a * b, 1),
    );
  let rest = Math.floor(index / parts);
  const position = shape.toReversed().map((extent) => {
    const i = rest % extent;
    rest = (rest - i) / extent;
    return i;
  });
  return `at (${position.toReversed().join(', ')}): ${actual[index]} instead of ${expected[index]}`;
}
