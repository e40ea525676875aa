import { createRegistry, reference } from '@ss/core';
import { expect, test } from 'vitest';
import { laidOut, layouts, placeOn } from './layouts.ts';
import type { LayoutName } from './layouts.ts';
import { fill } from './values.ts';

const strides = {
  dense: [15, 5, 1],
  offset: [15, 5, 1],
  fused: [36, 12, 1],
  transposed: [15, 1, 3],
  reversed: [-15, -5, -1],
  sparse: [30, 10, 2],
  broadcast: [0, 5, 1],
  turned: [-1, 2, -6],
};

test.each(Object.keys(layouts) as LayoutName[])('a view that lies %s has its values', async (layout) => {
  await using engine = await createRegistry([reference()]).select({ require: 'reference' });
  for (const dtype of ['f32', 'complex64', 'i32'] as const) {
    const values = laidOut(
      fill([2, 3, 5], dtype, (i) => i),
      layout,
    );
    using view = placeOn(engine, values);
    expect(view.strides).toEqual(strides[layout]);
    expect([...(await view.read())]).toEqual([...values.data]);
  }
});
