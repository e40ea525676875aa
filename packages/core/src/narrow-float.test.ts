import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromBf16, fromF16, toBf16, toF16 } from './narrow-float.ts';

/** Every finite value from zero up with its bits, ascending: what rounding is checked against. */
function table(from: (bits: number) => number, infinity: number): readonly number[] {
  return Array.from({ length: infinity }, (_, bits) => from(bits));
}

const formats = [
  { name: 'bf16', from: fromBf16, to: toBf16, infinity: 0x7f80, mantissaBits: 7, bias: 127 },
  { name: 'f16', from: fromF16, to: toF16, infinity: 0x7c00, mantissaBits: 10, bias: 15 },
];

describe.each(formats)('$name', ({ from, to, infinity, mantissaBits, bias }) => {
  const values = table(from, infinity);
  const largest = values.at(-1)!;

  /** Round to nearest, ties to even, by looking at both neighbours. */
  function nearest(value: number): number {
    const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
    const size = Math.abs(value);
    let below = 0;
    for (let step = 0x4000; step > 0; step >>= 1) {
      if (below + step < infinity && values[below + step]! <= size) below += step;
    }
    const above = values[below + 1] ?? largest + (largest - values[below - 1]!);
    const [down, up] = [size - values[below]!, above - size];
    return sign | (down < up || (down === up && below % 2 === 0) ? below : below + 1);
  }

  test('every bit pattern means sign * mantissa * 2^exponent', () => {
    for (let bits = 0; bits < infinity; bits++) {
      const exponent = bits >> mantissaBits;
      const mantissa = bits & (2 ** mantissaBits - 1);
      const whole = exponent === 0 ? mantissa : mantissa + 2 ** mantissaBits;
      const expected = whole * 2 ** (Math.max(exponent, 1) - bias - mantissaBits);
      if (from(bits) !== expected || from(bits | 0x8000) !== -expected) expect.fail(`0x${bits.toString(16)}`);
    }
    expect(from(infinity)).toBe(Infinity);
    expect(from(infinity | 0x8000)).toBe(-Infinity);
  });

  test('every bit pattern survives the way there and back; NaN stays NaN', () => {
    for (let bits = 0; bits < 0x10000; bits++) {
      const back = to(from(bits));
      const isNaN = (bits & 0x7fff) > infinity;
      if (isNaN ? (back & 0x7fff) <= infinity : back !== bits) expect.fail(`0x${bits.toString(16)}`);
    }
    expect(to(NaN) & 0x7fff).toBeGreaterThan(infinity);
  });

  test('halfway between any two neighbours goes to the even one, the least bit off to the nearer one', () => {
    for (let bits = 0; bits < infinity; bits++) {
      const low = values[bits]!;
      const high = values[bits + 1] ?? largest + (largest - values[bits - 1]!);
      const middle = (low + high) / 2;
      const even = bits % 2 === 0 ? bits : bits + 1;
      // One unit in the last place of a double: rounding to f32 first would lose it.
      const seen = [to(middle), to(middle * (1 - 2 ** -53)), to(middle * (1 + 2 ** -52)), to(-middle)];
      const wanted = [even, bits, bits + 1, even | 0x8000];
      if (seen.join() !== wanted.join())
        expect.fail(`around ${middle}: ${seen.join()} where ${wanted.join()}`);
    }
  });

  test('any double goes to the nearest value', () => {
    fc.assert(
      fc.property(fc.oneof(fc.double({ noNaN: true }), fc.float({ noNaN: true })), (value) => {
        expect(to(value)).toBe(
          Math.abs(value) === Infinity ? infinity | (value < 0 ? 0x8000 : 0) : nearest(value),
        );
      }),
      { numRuns: 20_000 },
    );
  });

  test('what is too large is infinite, what is too small a signed zero', () => {
    expect([to(Infinity), to(-Infinity), to(Number.MAX_VALUE)]).toEqual([
      infinity,
      infinity | 0x8000,
      infinity,
    ]);
    expect([to(0), to(-0), to(Number.MIN_VALUE), to(-Number.MIN_VALUE)]).toEqual([0, 0x8000, 0, 0x8000]);
  });
});
