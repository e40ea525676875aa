import { dtypes, isDType } from './dtype.ts';
import type { DType } from './dtype.ts';
import { SsError } from './errors.ts';
import { showValue } from './options.ts';

export type Shape = readonly number[];

/** Where a view lies in its buffer, in elements. */
export interface Layout {
  readonly shape: Shape;
  /** In elements; 0 broadcasts, negative walks backwards. */
  readonly strides: readonly number[];
  readonly offset: number;
}

/** More elements than this cannot be indexed by every backend's 32-bit arithmetic with headroom. */
export const maxElements: number = 2 ** 31 - 1;

export function elementCount(shape: Shape): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

/** @throws SsError `shape-mismatch`, `size-exceeded`, `dtype-unsupported` */
export function checkShape(shape: Shape, what: string, dtype?: DType): void {
  if (dtype !== undefined && !isDType(dtype)) {
    throw new SsError('dtype-unsupported', `${what} was to have the dtype ${JSON.stringify(dtype)}.`, {
      hint: `There are ${Object.keys(dtypes).join(', ')}.`,
    });
  }
  if (!Array.isArray(shape)) {
    throw new SsError('shape-mismatch', `${what} was to have the shape ${showValue(shape)}.`, {
      hint: 'A shape is an array of extents: [2, 3]; [] is a single number.',
    });
  }
  for (const extent of shape) {
    if (!Number.isSafeInteger(extent) || extent < 0) {
      throw new SsError(
        'shape-mismatch',
        `${what} has the shape ${show(shape)}: every extent must be an integer of at least 0.`,
        {
          details: { shape },
        },
      );
    }
  }
  if (elementCount(shape) > maxElements) {
    throw new SsError('size-exceeded', `${what} of shape ${show(shape)} has more than 2^31 - 1 elements.`, {
      hint: 'Split the batch or the sequence.',
      details: { shape },
    });
  }
}

/** Row-major strides of a dense tensor. */
export function denseStrides(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = step;
    step *= shape[axis]!;
  }
  return strides;
}

/** True when walking the logical elements in row-major order walks memory one element at a time. */
export function isContiguous({ shape, strides }: Pick<Layout, 'shape' | 'strides'>): boolean {
  if (shape.includes(0)) return true;
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const extent = shape[axis]!;
    if (extent !== 1 && strides[axis] !== step) return false;
    step *= extent;
  }
  return true;
}

/** The lowest element a view touches, and one past the highest; equal for an empty view. */
export function elementSpan({ shape, strides, offset }: Layout): { start: number; end: number } {
  let start = offset;
  let end = offset + 1;
  for (let axis = 0; axis < shape.length; axis++) {
    const extent = shape[axis]!;
    if (extent === 0) return { start: offset, end: offset };
    const reach = (extent - 1) * strides[axis]!;
    if (reach < 0) start += reach;
    else end += reach;
  }
  return { start, end };
}

/** Calls `visit` with the buffer position of every logical element, in row-major order. */
export function forEachPosition({ shape, strides, offset }: Layout, visit: (position: number) => void): void {
  const rank = shape.length;
  const total = elementCount(shape);
  const index = new Array<number>(rank).fill(0);
  let position = offset;
  for (let i = 0; i < total; i++) {
    visit(position);
    for (let axis = rank - 1; axis >= 0; axis--) {
      position += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      position -= shape[axis]! * strides[axis]!;
      index[axis] = 0;
    }
  }
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((extent, axis) => extent === b[axis]);
}

/** A copy that nobody can change, of a list that may be somebody else's. */
export function frozen(list: readonly number[]): readonly number[] {
  return Object.freeze([...list]);
}

/** `(2, 3, 4)`, as shapes are written in messages. */
export function show(shape: Shape): string {
  return `(${shape.join(', ')})`;
}

/** The stride, in elements, of the rows (...) of a (..., K) tensor taken as one axis; undefined if they are not one. */
export function rowStride({ shape, strides }: Pick<Layout, 'shape' | 'strides'>): number | undefined {
  let rows = 1;
  let stride: number | undefined;
  for (let axis = shape.length - 2; axis >= 0; axis--) {
    const extent = shape[axis]!;
    if (extent === 1) continue;
    stride ??= strides[axis]!;
    if (strides[axis] !== stride * rows) return undefined;
    rows *= extent;
  }
  return stride ?? 0;
}

/**
 * The fewest axes that views of one shape can all be walked by, in row-major order: axes of extent 1 disappear,
 * neighbours merge where every view allows it. `strides` has one list for each view, in elements.
 */
export function commonAxes(views: readonly Pick<Layout, 'shape' | 'strides'>[]): {
  readonly extents: readonly number[];
  readonly strides: readonly (readonly number[])[];
} {
  const extents: number[] = [];
  const strides: number[][] = views.map(() => []);
  for (const [axis, extent] of views[0]!.shape.entries()) {
    if (extent === 1) continue;
    const last = extents.length - 1;
    const merges = last >= 0 && views.every((view, v) => strides[v]![last] === view.strides[axis]! * extent);
    if (merges) extents[last]! *= extent;
    else extents.push(extent);
    for (const [v, view] of views.entries()) strides[v]![extents.length - 1] = view.strides[axis]!;
  }
  return { extents, strides };
}

/** A part of views of one shape that has few axes: what it adds to the offset of each view is in `offsets`. */
export interface AxisPiece {
  readonly extents: readonly number[];
  readonly strides: readonly (readonly number[])[];
  readonly offsets: readonly number[];
}

/**
 * The same elements as {@link commonAxes} of the views, in pieces that have at most `maxAxes` axes, for kernels that walk
 * so many: the shortest axes are walked from piece to piece. `undefined` if that takes more than `maxPieces`.
 */
export function axisPieces(
  views: readonly Pick<Layout, 'shape' | 'strides'>[],
  maxAxes: number,
  maxPieces: number = 2 ** 14,
): readonly AxisPiece[] | undefined {
  const { extents, strides } = commonAxes(views);
  const walked = new Set(
    extents
      .map((_, axis) => axis)
      .toSorted((a, b) => extents[a]! - extents[b]! || a - b)
      .slice(0, Math.max(0, extents.length - maxAxes)),
  );
  const inside = <T>(list: readonly T[]): readonly T[] => list.filter((_, axis) => !walked.has(axis));
  const outer = [...walked].toSorted((a, b) => a - b);
  const count = outer.reduce((product, axis) => product * extents[axis]!, 1);
  if (count > maxPieces) return undefined;
  const piece = { extents: inside(extents), strides: strides.map(inside) };
  return Array.from({ length: count }, (_, index) => {
    const offsets = views.map(() => 0);
    let rest = index;
    for (const axis of outer.toReversed()) {
      const extent = extents[axis]!;
      for (const [v, own] of strides.entries()) offsets[v]! += (rest % extent) * own[axis]!;
      rest = Math.floor(rest / extent);
    }
    return { ...piece, offsets };
  });
}
