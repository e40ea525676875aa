import { expect, test } from 'vitest';
import { assertClose, assertSame } from './compare.ts';
import { values } from './values.ts';

const scan = { op: 'selectiveScan', sizes: {} } as const;
const f32 = (...data: number[]): ReturnType<typeof values> => values(data, [data.length], 'f32');

test('what the tolerance of the op allows is close, and no more', () => {
  expect(() => assertClose(scan, 'f32', 'y', f32(1.0025, 100), [1, 100])).not.toThrow();
  expect(() => assertClose(scan, 'f32', 'y', f32(1.003, 100), [1, 100])).toThrow(
    /1 of 2 outside rtol 0.0006, atol 0.002; worst at \(0\): 1.00\d+ instead of 1/,
  );
});

test('small numbers must be right although the absolute tolerance is larger than they are', () => {
  expect(() => assertClose(scan, 'f32', 'y', f32(0, 0), [1e-4, 1e-4])).toThrow(/energy of the error/);
  expect(() => assertClose(scan, 'f32', 'y', f32(1.0001e-4, 1e-4), [1e-4, 1e-4])).not.toThrow();
  expect(() => assertClose(scan, 'f32', 'y', f32(0, 0), [1e-40, 1e-41])).not.toThrow();
});

test('NaN and infinities must be where they are expected', () => {
  expect(() => assertClose(scan, 'f32', 'y', f32(NaN, Infinity, 1), [NaN, Infinity, 1])).not.toThrow();
  for (const [actual, expected] of [
    [1, NaN],
    [NaN, 1],
    [Infinity, 1],
    [-Infinity, Infinity],
    [1, Infinity],
  ] as const) {
    expect(() => assertClose(scan, 'f32', 'y', f32(actual), [expected])).toThrow(/1 of 1 outside/);
  }
});

test('what overflows f16 is expected to be infinite', () => {
  expect(() => assertClose(scan, 'f16', 'y', values([Infinity], [1], 'f16'), [70000])).not.toThrow();
});

test('an exact op is compared by its bits, after one rounding', () => {
  const copy = { op: 'copy', sizes: {} } as const;
  expect(() => assertClose(copy, 'f32', 'y', values([1 / 3], [1], 'bf16'), [1 / 3])).not.toThrow();
  expect(() => assertClose(copy, 'f32', 'y', f32(-0), [0])).toThrow(/1 of 1 differ/);
});

test('the same bits, any NaN being any other', () => {
  expect(() => assertSame('y', f32(1, NaN), [1, NaN])).not.toThrow();
  expect(() => assertSame('y', values([1, 2, 3, 4], [2, 2], 'f32'), [1, 2, 3, 5])).toThrow(
    /first at \(1, 1\): 4 instead of 5/,
  );
  expect(() => assertSame('y', f32(1), [1, 2])).toThrow(/1 numbers where 2 are expected/);
});
