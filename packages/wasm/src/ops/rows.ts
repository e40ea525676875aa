import { dtypes, rowStride } from '@ss/core';
import { addressOf } from './argument.ts';
import type { Arg } from './argument.ts';

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
