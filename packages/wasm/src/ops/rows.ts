import { dtypes } from '@ss/core';
import type { Layout } from '@ss/core';
import { addressOf } from './argument.ts';
import type { Arg } from './argument.ts';

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

/** Address and byte strides of (..., K) as rows: `x`, `xR`, `xK`. */
export function rowFields<Name extends string>(
  arg: Arg | undefined,
  name: Name,
): { readonly [F in Name | `${Name}R` | `${Name}K`]: number } {
  const size = arg ? dtypes[arg.dtype].bytes : 0;
  const values = {
    [name]: arg ? addressOf(arg) : 0,
    [`${name}R`]: arg ? rowStride(arg)! * size : 0,
    [`${name}K`]: arg ? arg.strides.at(-1)! * size : 0,
  };
  return values as { readonly [F in Name | `${Name}R` | `${Name}K`]: number };
}
