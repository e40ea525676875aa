import type { TensorSpec } from '@ss/core';

/**
 * The fewest axes that views of one shape can all be walked by, in row-major order: axes of extent 1 disappear,
 * neighbours merge where every view allows it. `strides` has one list for each view, in elements.
 */
export function commonAxes(views: readonly Pick<TensorSpec, 'shape' | 'strides'>[]): {
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
