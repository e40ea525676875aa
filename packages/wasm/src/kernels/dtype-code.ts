import type { DType } from '@ss/core';

/** How kernels name storage dtypes; `assembly/dtype.ts` has the same numbers. complex64 is only ever moved. */
export const dtypeCode: Readonly<Record<DType, number>> = {
  f32: 0,
  f16: 1,
  bf16: 2,
  f64: 3,
  i64: 4,
  i32: 5,
  u32: 6,
  i8: 7,
  u8: 8,
  complex64: -1,
};
