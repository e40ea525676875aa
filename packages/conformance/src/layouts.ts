import { dtypes, elementCount, encode, forEachPosition, fromBytes, scope } from '@ss/core';
import type { Engine, Shape, Tensor } from '@ss/core';
import type { Values } from './values.ts';

/** A larger dense tensor, and the view of it that has the wanted shape. */
export interface Placement {
  readonly memory: Shape;
  view(whole: Tensor): Tensor;
}

export type LayoutName =
  | 'dense'
  | 'offset'
  | 'fused'
  | 'transposed'
  | 'reversed'
  | 'sparse'
  | 'broadcast'
  | 'turned';

/**
 * How a view may lie in memory. Every element of the memory that the view leaves out is NaN, so whoever reads
 * it by mistake shows it.
 */
export const layouts: Readonly<Record<LayoutName, (shape: Shape) => Placement>> = {
  /** row-major, alone in its buffer */
  dense: (shape) => ({ memory: shape, view: (whole) => whole.alias() }),
  /** dense, but three elements into its buffer: not aligned to any vector */
  offset: (shape) => ({
    memory: [elementCount(shape) + 5],
    view: (whole) => scope(() => whole.slice(0, 3, 3 + elementCount(shape)).reshape(shape)),
  }),
  /** columns of a wider matrix, as the parts of a fused projection are */
  fused: (shape) => ({
    memory: shape.with(shape.length - 1, shape.at(-1)! + 7),
    view: (whole) => whole.slice(-1, 3, 3 + shape.at(-1)!),
  }),
  /** the last two axes exchanged: (B, D, L) memory of a (B, L, D) tensor */
  transposed: (shape) => {
    const order = shape.map((_, axis) => axis);
    if (order.length >= 2) order.push(order.splice(-2, 1)[0]!);
    return { memory: order.map((axis) => shape[axis]!), view: (whole) => whole.permute(...inverse(order)) };
  },
  /** every axis backwards: negative strides */
  reversed: (shape) => ({
    memory: shape,
    view: (whole) => scope(() => shape.reduce<Tensor>((view, _, axis) => view.reverse(axis), whole.alias())),
  }),
  /** every second element: no stride is 1 */
  sparse: (shape) => ({ memory: [...shape, 2], view: (whole) => whole.select(-1, 1) }),
  /** all axes in the opposite order, every second one backwards: no two are neighbours in memory */
  turned: (shape) => ({
    memory: shape.toReversed(),
    view: (whole) =>
      scope(() =>
        shape.reduce<Tensor>(
          (view, _, axis) => (axis % 2 === 0 ? view.reverse(axis) : view),
          whole.permute(...shape.map((_, axis) => shape.length - 1 - axis)),
        ),
      ),
  }),
  /** one element of axis 0 seen everywhere: stride 0 */
  broadcast: (shape) => ({ memory: shape.with(0, 1), view: (whole) => whole.broadcast(shape) }),
};

/** Those that every op is asked for; `turned` differs from them only with many axes. */
export const layoutNames: readonly LayoutName[] = (Object.keys(layouts) as LayoutName[]).filter(
  (name) => name !== 'turned',
);

/** Values that can lie `layout`-wise: `broadcast` repeats the first element of axis 0, the others change nothing. */
export function laidOut(from: Values, layout: LayoutName): Values {
  if (from.shape.length === 0) return from;
  if (layout !== 'broadcast') return { ...from, layout };
  const inner = from.data.length / (from.shape[0] || 1);
  return { ...from, layout, data: from.data.map((_, index) => from.data[index % inner]!) };
}

/** Values in memory of their layout: its bytes, and the view of them that has the values. */
export interface Arranged extends Placement {
  readonly bytes: Uint8Array;
}

export function arrange(from: Values): Arranged {
  const placement = layouts[from.layout ?? 'dense'](from.shape);
  const count = elementCount(placement.memory);
  const parts = from.dtype === 'complex64' ? 2 : 1;
  const whole = new Float64Array(count * parts).fill(dtypes[from.dtype].kind === 'int' ? 0 : NaN);
  // The same view of any tensor over that memory says where each element goes.
  using map = fromBytes(new Uint8Array(count), placement.memory, 'u8');
  using where = placement.view(map);
  let index = 0;
  forEachPosition(where, (position) => {
    for (let part = 0; part < parts; part++) whole[position * parts + part] = from.data[index++]!;
  });
  return { ...placement, bytes: encode(whole, from.dtype) };
}

/** On the device, as an immutable tensor. */
export function placeOn(engine: Engine, from: Values): Tensor {
  const { memory, bytes, view } = arrange(from);
  using host = fromBytes(bytes, memory, from.dtype);
  using whole = engine.upload(host);
  return view(whole);
}

function inverse(order: readonly number[]): number[] {
  return order.map((_, axis) => order.indexOf(axis));
}
