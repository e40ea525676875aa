import { describe, expect, test } from 'vitest';
import { dtypes } from './dtype.ts';
import type { DType } from './dtype.ts';
import { tensor } from './host.ts';
import type { Values } from './values.ts';

describe('nested arrays are rows', () => {
  test.each<[string, Values, number[], number[]]>([
    [
      'of two',
      [
        [1, 2],
        [3, 4],
      ],
      [2, 2],
      [1, 2, 3, 4],
    ],
    [
      'of three',
      [
        [[1], [2]],
        [[3], [4]],
        [[5], [6]],
      ],
      [3, 2, 1],
      [1, 2, 3, 4, 5, 6],
    ],
    ['that are typed arrays', [Float64Array.of(1, 2), Float64Array.of(3, 4)], [2, 2], [1, 2, 3, 4]],
    ['that are empty', [[], []], [2, 0], []],
    [
      'with BigInts among numbers',
      [
        [1n, 2],
        [3, 4n],
      ],
      [2, 2],
      [1, 2, 3, 4],
    ],
  ])('%s', async (_, values, shape, flat) => {
    const made = tensor(values);
    expect(made.shape).toEqual(shape);
    expect([...(await made.read())]).toEqual(flat);
  });

  test('under another shape of as many elements', async () => {
    expect(
      tensor(
        [
          [1, 2],
          [3, 4],
        ],
        [4],
      ).shape,
    ).toEqual([4]);
    expect(() =>
      tensor(
        [
          [1, 2],
          [3, 4],
        ],
        [3],
      ),
    ).toThrow(expect.objectContaining({ code: 'shape-mismatch' }));
  });

  test.each([
    ['a short one', [[1, 2], [3]], 'Row [1] of the values has 1 elements; the first has 2.'],
    ['a number among them', [[1, 2], 3], 'Row [1] of the values is 3; the first has 2.'],
    [
      'one too deep',
      [
        [[1], [2]],
        [[3], [4, 5]],
      ],
      'Row [1][1] of the values has 2 elements; the first has 1.',
    ],
    ['a row among numbers', [1, [2, 3]], 'Element [1] is an array where a number is wanted.'],
  ])('but not %s', (_, values, message) => {
    expect(() => tensor(values as Values)).toThrow(message);
  });
});

describe('what is no number is refused, and never NaN', () => {
  const strange: readonly unknown[] = ['1', undefined, null, true, {}, [], Symbol('x'), () => 1];
  // oxlint-disable-next-line no-sparse-arrays
  const lists = [...strange.map((value) => [0, value]), ...strange.map((value) => [[0], [value]]), [0, , 2]];
  test.each(lists)('%o', (...list) => {
    expect(() => tensor(list as unknown as Values)).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/argument-invalid|shape-mismatch/) }),
    );
  });

  test.each<unknown>([
    '12',
    12,
    12n,
    null,
    undefined,
    {},
    new Set([1]),
    new DataView(new ArrayBuffer(4)),
    new ArrayBuffer(4),
  ])('as all values: %o', (values) => {
    expect(() => tensor(values as Values)).toThrow(expect.objectContaining({ code: 'argument-invalid' }));
  });

  test.each(Object.keys(dtypes) as DType[])(
    'in %s, numbers in every kind of list are what they are',
    async (dtype) => {
      const lists: Values[] = [
        [1, 0],
        [1n, 0n],
        [1, 0n],
        Float32Array.of(1, 0),
        BigInt64Array.of(1n, 0n),
        { length: 2, 0: 1, 1: 0 },
      ];
      for (const values of lists) {
        const read = await tensor(values, dtype === 'complex64' ? [1] : [2], dtype).read();
        expect([...read].map(Number)).toEqual([1, 0]);
      }
    },
  );

  test.each([NaN, Infinity])('%s has no value in i64', (value) => {
    expect(() => tensor([value], [1], 'i64')).toThrow(expect.objectContaining({ code: 'argument-invalid' }));
  });

  test('a shape is an array', () => {
    expect(() => tensor([1, 2], 2 as never)).toThrow(expect.objectContaining({ code: 'shape-mismatch' }));
  });
});
