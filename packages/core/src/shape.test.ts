import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { axisPieces, commonAxes, forEachPosition } from './shape.ts';
import type { Layout } from './shape.ts';

function positions(view: Layout): number[] {
  const visited: number[] = [];
  forEachPosition(view, (position) => visited.push(position));
  return visited;
}

const views = fc
  .array(
    fc.tuple(
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: -40, max: 40 }),
      fc.integer({ min: 0, max: 9 }),
    ),
    {
      maxLength: 7,
    },
  )
  .map((axes) => {
    const shape = axes.map(([extent]) => extent);
    return [1, 2].map((i) => ({ shape, strides: axes.map((axis) => axis[i]!), offset: 7 * i }));
  });

test('pieces of few axes visit the same pairs of elements as the views', () => {
  fc.assert(
    fc.property(views, fc.integer({ min: 1, max: 4 }), (both, maxAxes) => {
      const pieces = axisPieces(both, maxAxes)!;
      const pairs = pieces.flatMap(({ extents, strides, offsets }) => {
        expect(extents.length).toBeLessThanOrEqual(maxAxes);
        const [a, b] = both.map((view, v) =>
          positions({ shape: extents, strides: strides[v]!, offset: view.offset + offsets[v]! }),
        );
        return a!.map((position, i) => [position, b![i]!]);
      });
      const [a, b] = both.map(positions);
      const wanted = a!.map((position, i) => [position, b![i]!]);
      const byPlace = (x: number[], y: number[]): number => x[0]! - y[0]! || x[1]! - y[1]!;
      expect(pairs.toSorted(byPlace)).toEqual(wanted.toSorted(byPlace));
    }),
  );
});

test('views of few axes are one piece, in row-major order', () => {
  const view = { shape: [2, 3, 4], strides: [1, 8, 2] };
  expect(axisPieces([view], 3)).toEqual([{ ...commonAxes([view]), offsets: [0] }]);
});

test('the longest axes stay together', () => {
  const view = { shape: [9, 2, 8, 2], strides: [1, 100, 10, 1000] };
  const pieces = axisPieces([view], 2)!;
  expect(pieces.map(({ offsets }) => offsets[0])).toEqual([0, 1000, 100, 1100]);
  expect(pieces.every(({ extents }) => extents.join() === '9,8')).toBe(true);
});

test('what takes too many pieces is none', () => {
  const shape = Array.from({ length: 24 }, () => 2);
  const view = { shape, strides: shape.map((_, axis) => 2 ** axis) };
  expect(axisPieces([view], 6)).toBeUndefined();
});
