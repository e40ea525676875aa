/** How one element is stored. `complex64` is two f32 (re, im); its strides count complex elements. */
export type DType = 'f64' | 'f32' | 'f16' | 'bf16' | 'complex64' | 'i64' | 'i32' | 'u32' | 'i8' | 'u8';

/** The real floating-point dtypes. */
export type FloatDType = 'f64' | 'f32' | 'f16' | 'bf16';

/** What `read()` returns: narrow floats arrive widened to f32, complex64 as interleaved (re, im). */
export interface DataOf {
  f64: Float64Array;
  f32: Float32Array;
  f16: Float32Array;
  bf16: Float32Array;
  complex64: Float32Array;
  i64: BigInt64Array;
  i32: Int32Array;
  u32: Uint32Array;
  i8: Int8Array;
  u8: Uint8Array;
}
export type TensorData = DataOf[DType];

interface DTypeInfo {
  readonly bytes: number;
  readonly kind: 'float' | 'complex' | 'int';
  /** Unit roundoff, for tolerances; 0 for integers. */
  readonly epsilon: number;
}

export const dtypes: { readonly [K in DType]: DTypeInfo } = {
  f64: { bytes: 8, kind: 'float', epsilon: 2 ** -53 },
  f32: { bytes: 4, kind: 'float', epsilon: 2 ** -24 },
  f16: { bytes: 2, kind: 'float', epsilon: 2 ** -11 },
  bf16: { bytes: 2, kind: 'float', epsilon: 2 ** -8 },
  complex64: { bytes: 8, kind: 'complex', epsilon: 2 ** -24 },
  i64: { bytes: 8, kind: 'int', epsilon: 0 },
  i32: { bytes: 4, kind: 'int', epsilon: 0 },
  u32: { bytes: 4, kind: 'int', epsilon: 0 },
  i8: { bytes: 1, kind: 'int', epsilon: 0 },
  u8: { bytes: 1, kind: 'int', epsilon: 0 },
};

export const floatDTypes: readonly FloatDType[] = ['f64', 'f32', 'f16', 'bf16'];

export function isFloat(dtype: DType): dtype is FloatDType {
  return dtypes[dtype].kind === 'float';
}

export function isDType(value: unknown): value is DType {
  return typeof value === 'string' && Object.hasOwn(dtypes, value);
}
