import type { DType } from '@ss/core';

/** Bytes of an element by the format's name of its dtype, and ours where there is one. */
export const storedDTypes: Readonly<Record<string, { readonly bytes: number; readonly dtype?: DType }>> = {
  F64: { bytes: 8, dtype: 'f64' },
  F32: { bytes: 4, dtype: 'f32' },
  F16: { bytes: 2, dtype: 'f16' },
  BF16: { bytes: 2, dtype: 'bf16' },
  I64: { bytes: 8, dtype: 'i64' },
  I32: { bytes: 4, dtype: 'i32' },
  U32: { bytes: 4, dtype: 'u32' },
  I8: { bytes: 1, dtype: 'i8' },
  U8: { bytes: 1, dtype: 'u8' },
  U64: { bytes: 8 },
  I16: { bytes: 2 },
  U16: { bytes: 2 },
  BOOL: { bytes: 1 },
  F8_E4M3: { bytes: 1 },
  F8_E5M2: { bytes: 1 },
};

/** The format's name of a dtype. */
export function storedName(dtype: DType): string {
  return Object.entries(storedDTypes).find(([, stored]) => stored.dtype === dtype)![0];
}
