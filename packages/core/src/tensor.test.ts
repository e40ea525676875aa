import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Engine } from './engine/engine.ts';
import { SsError } from './errors.ts';
import { fromBytes, tensor, zeros } from './host.ts';
import { createReferenceBackend } from './reference/index.ts';
import { elementCount } from './shape.ts';
import type { Shape } from './shape.ts';
import type { Tensor } from './tensor.ts';

/** What a view should hold, without strides: its shape and what stands at each index. */
interface Model {
  readonly shape: Shape;
  readonly at: (index: readonly number[]) => number;
}

type View = (tensor: Tensor, model: Model) => readonly [Tensor, Model];

function indices(shape: Shape): number[][] {
  return shape.reduce<number[][]>(
    (rows, extent) => rows.flatMap((row) => Array.from({ length: extent }, (_, i) => [...row, i])),
    [[]],
  );
}

function elements({ shape, at }: Model): number[] {
  return indices(shape).map(at);
}

/** Numbers in [0, 1) that a view turns into valid arguments for the shape it finds. */
type Dice = readonly number[];
const pick = (dice: number, count: number): number => Math.floor(dice * count);

const views: Record<string, (dice: Dice) => View> = {
  slice:
    (dice) =>
    (t, { shape, at }) => {
      if (shape.length === 0) return [t.alias(), { shape, at }];
      const axis = pick(dice[0]!, shape.length);
      const start = pick(dice[1]!, shape[axis]! + 1);
      const end = start + pick(dice[2]!, shape[axis]! + 1 - start);
      // Counted from either end, as the dice have it.
      const view = dice[3]! < 0.5 ? t.slice(axis, start, end) : t.slice(axis - shape.length, start, end);
      return [view, { shape: shape.with(axis, end - start), at: (i) => at(i.with(axis, i[axis]! + start)) }];
    },
  select:
    (dice) =>
    (t, { shape, at }) => {
      const axis = pick(dice[0]!, shape.length);
      const extent = shape[axis] ?? 0;
      if (extent === 0) return [t.alias(), { shape, at }];
      const index = pick(dice[1]!, extent);
      const view = t.select(axis, dice[2]! < 0.5 ? index : index - extent);
      return [view, { shape: shape.toSpliced(axis, 1), at: (i) => at(i.toSpliced(axis, 0, index)) }];
    },
  permute:
    (dice) =>
    (t, { shape, at }) => {
      const order = shape.map((_, axis) => axis).toSorted((a, b) => dice[a]! - dice[b]!);
      return [
        t.permute(...order),
        {
          shape: order.map((axis) => shape[axis]!),
          at: (i) => at(shape.map((_, axis) => i[order.indexOf(axis)]!)),
        },
      ];
    },
  reverse:
    (dice) =>
    (t, { shape, at }) => {
      if (shape.length === 0) return [t.alias(), { shape, at }];
      const axis = pick(dice[0]!, shape.length);
      return [t.reverse(axis), { shape, at: (i) => at(i.with(axis, shape[axis]! - 1 - i[axis]!)) }];
    },
  unsqueeze:
    (dice) =>
    (t, { shape, at }) => {
      const axis = pick(dice[0]!, shape.length + 1);
      return [
        t.unsqueeze(dice[1]! < 0.5 ? axis : axis - shape.length - 1),
        { shape: shape.toSpliced(axis, 0, 1), at: (i) => at(i.toSpliced(axis, 1)) },
      ];
    },
  broadcast:
    (dice) =>
    (t, { shape, at }) => {
      const wide = shape.map((extent, axis) => (extent === 1 ? 1 + pick(dice[axis]!, 3) : extent));
      const added = dice[4]! < 0.5 ? [] : [2];
      return [
        t.broadcast([...added, ...wide]),
        {
          shape: [...added, ...wide],
          at: (i) => at(i.slice(added.length).map((x, axis) => (shape[axis] === 1 ? 0 : x))),
        },
      ];
    },
  reshape: (dice) => (t, model) => {
    const count = elementCount(model.shape);
    const factor = [2, 3, 1][pick(dice[0]!, 3)]!;
    const shape = count % factor === 0 ? [factor, count / factor] : [count];
    let view: Tensor;
    try {
      view = t.reshape(shape);
    } catch (error) {
      // Strides cannot always express it; that they can when the elements are dense is a test of its own.
      expect(SsError.is(error, 'stride-invalid')).toBe(true);
      expect(t.contiguous).toBe(false);
      return [t.alias(), model];
    }
    const flat = elements(model);
    return [view, { shape, at: (i) => flat[i.reduce((sum, x, axis) => sum * shape[axis]! + x, 0)]! }];
  },
};

const steps = fc.array(
  fc.record({
    view: fc.constantFrom(...Object.keys(views)),
    dice: fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), {
      minLength: 8,
      maxLength: 8,
    }),
  }),
  { maxLength: 6 },
);
const shapes = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 });
const dtypes = fc.constantFrom('f32', 'f64', 'bf16', 'i32', 'u8');

describe.each(['host', 'device'] as const)('views of %s memory', (where) => {
  test('any chain of views reads what the same chain of index maps says', async () => {
    const engine = new Engine(createReferenceBackend());
    await fc.assert(
      fc.asyncProperty(shapes, dtypes, steps, async (shape, dtype, chain) => {
        const count = elementCount(shape);
        const base = tensor(
          Array.from({ length: count }, (_, i) => i),
          shape,
          dtype,
        );
        let view: Tensor = where === 'host' ? base : engine.upload(base);
        let model: Model = { shape, at: (i) => i.reduce((sum, x, axis) => sum * shape[axis]! + x, 0) };
        for (const { view: name, dice } of chain) {
          const [next, expected] = views[name]!(dice)(view, model);
          view.dispose();
          [view, model] = [next, expected];
        }
        expect(view.shape).toEqual(model.shape);
        expect(view.size).toBe(elementCount(model.shape));
        expect(Array.from(await view.read(), Number)).toEqual(elements(model));
        view.dispose();
        expect(engine.memory()).toMatchObject({ liveBytes: 0, storages: 0, tensorBytes: 0 });
      }),
      { numRuns: 500 },
    );
  });
});

test('dense views can take any shape; what strides cannot express says so and what to do', () => {
  const t = tensor(
    Float32Array.from({ length: 12 }, (_, i) => i),
    [3, 4],
  );
  expect(t.reshape([2, 6]).contiguous).toBe(true);
  expect(t.slice(0, 1).reshape([8]).contiguous).toBe(true);
  expect(() => t.permute(1, 0).reshape([12])).toThrow(/cannot become \(12\) without a copy.*engine\.copy/);
  // Splitting an axis never needs a copy, whatever its stride.
  expect(t.permute(1, 0).reshape([2, 2, 3]).strides).toEqual([2, 1, 4]);
  expect(zeros([0, 3]).permute(1, 0).reshape([5, 0]).shape).toEqual([5, 0]);
});

const refusals: readonly [name: string, code: string, make: () => unknown][] = [
  ['a value too few', 'shape-mismatch', () => tensor([1, 2, 3], [2, 2])],
  ['a complex tensor with real values', 'shape-mismatch', () => tensor([1, 2], [2], 'complex64')],
  ['a negative extent', 'shape-mismatch', () => tensor([], [-1])],
  ['half an extent', 'shape-mismatch', () => zeros([1.5])],
  ['a NaN extent', 'shape-mismatch', () => zeros([Number.NaN])],
  ['2^31 elements', 'size-exceeded', () => fromBytes(new Uint8Array(0), [2 ** 16, 2 ** 15], 'u8')],
  ['a dtype there is not', 'dtype-unsupported', () => zeros([1], 'f8' as 'f32')],
  ['bytes of another size', 'shape-mismatch', () => fromBytes(new Uint8Array(7), [2], 'f32')],
  ['an axis too many', 'argument-invalid', () => zeros([2]).slice(1, 0)],
  ['half an index', 'argument-invalid', () => zeros([2]).slice(0, 0.5)],
  ['an index past the end', 'argument-invalid', () => zeros([2]).select(0, 2)],
  ['an axis named twice', 'argument-invalid', () => zeros([2, 2]).permute(0, 0)],
  ['an axis not named', 'argument-invalid', () => zeros([2, 2]).permute(0)],
  ['an axis to add out of range', 'argument-invalid', () => zeros([2]).unsqueeze(3)],
  ['repeating an extent that is not 1', 'shape-mismatch', () => zeros([2]).broadcast([4])],
  ['broadcasting to fewer axes', 'shape-mismatch', () => zeros([1, 2]).broadcast([2])],
  ['reshaping to another count', 'shape-mismatch', () => zeros([4]).reshape([3])],
];

test.each(refusals)('%s is refused: %s', (_name, code, make) => {
  expect(make).toThrow(expect.objectContaining({ code }));
});

test('slices clamp to what there is', () => {
  const t = zeros([4]);
  expect([t.slice(0, -2).size, t.slice(0, -9, 9).size, t.slice(0, 3, 1).size]).toEqual([2, 4, 0]);
});

test('a tensor says what it is', () => {
  const t = zeros([2, 3]);
  expect(String(t)).toBe('f32 (2, 3) on host');
  t.dispose();
  expect(String(t)).toBe('f32 (2, 3) on host, disposed');
});
