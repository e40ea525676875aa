import { dtypes } from './dtype.ts';
import type { DataOf, DType, TensorData } from './dtype.ts';
import { SsError } from './errors.ts';
import { fromBf16, fromF16, toBf16, toF16 } from './narrow-float.ts';

/** Reads elements of one dtype out of bytes: `get(i)` is element i as a number (f64 exact, i64 within 2^53). */
export interface Accessor {
  readonly length: number;
  get(index: number): number;
  set(index: number, value: number): void;
}

/**
 * A numeric accessor over `bytes`. complex64 is seen as its f32 components (twice as many elements).
 * `bytes.byteOffset` need not be aligned.
 */
export function accessor(bytes: Uint8Array, dtype: DType): Accessor {
  const component = dtype === 'complex64' ? 'f32' : dtype;
  const size = dtypes[component].bytes;
  const length = Math.floor(bytes.byteLength / size);
  if (bytes.byteOffset % size !== 0) return unaligned(bytes, component, length);
  const at = [bytes.buffer, bytes.byteOffset, length] as const;
  switch (component) {
    case 'f16':
      return narrow(new Uint16Array(...at), fromF16, toF16);
    case 'bf16':
      return narrow(new Uint16Array(...at), fromBf16, toBf16);
    case 'i64': {
      const view = new BigInt64Array(...at);
      return { length, get: (i) => Number(view[i]), set: (i, v) => void (view[i] = toBigInt(v)) };
    }
    default: {
      const view = typedArray(component, at);
      return { length, get: (i) => view[i]!, set: (i, v) => void (view[i] = v) };
    }
  }
}

/** Numbers (or the bits' own typed array) to storage bytes of `dtype`; always a fresh copy. */
export function encode(values: ArrayLike<number> | ArrayLike<bigint>, dtype: DType): Uint8Array {
  const component = dtype === 'complex64' ? 'f32' : dtype;
  const bytes = new Uint8Array(values.length * dtypes[component].bytes);
  if (component === 'i64') {
    const view = new BigInt64Array(bytes.buffer);
    for (let i = 0; i < values.length; i++) view[i] = toBigInt(values[i]!);
    return bytes;
  }
  if (component === 'f16' || component === 'bf16') {
    const to = component === 'f16' ? toF16 : toBf16;
    const view = new Uint16Array(bytes.buffer);
    for (let i = 0; i < values.length; i++) view[i] = to(Number(values[i]));
    return bytes;
  }
  const view = typedArray(component, [bytes.buffer, 0, values.length]);
  const numbers = isBig(values) ? Array.from<number | bigint, number>(values as bigint[], Number) : values;
  view.set(numbers as ArrayLike<number>);
  return bytes;
}

function isBig(values: ArrayLike<number | bigint>): boolean {
  return ArrayBuffer.isView(values)
    ? typeof values[0] === 'bigint'
    : Array.prototype.some.call(values, (value) => typeof value === 'bigint');
}

/** Storage bytes of `dtype` to the array `read()` promises; always a fresh copy. */
export function decode<D extends DType>(bytes: Uint8Array, dtype: D): DataOf[D];
export function decode(bytes: Uint8Array, dtype: DType): TensorData {
  // Not slice(): that of a Node Buffer shares memory.
  const copy = new Uint8Array(bytes);
  if (dtype === 'f16' || dtype === 'bf16') return widen(new Uint16Array(copy.buffer), dtype);
  if (dtype === 'i64') return new BigInt64Array(copy.buffer);
  const component = dtype === 'complex64' ? 'f32' : dtype;
  return typedArray(component, [copy.buffer, 0, copy.byteLength / dtypes[component].bytes]);
}

/** Cut towards zero, as typed arrays do. @throws SsError `argument-invalid` for NaN and infinities */
function toBigInt(value: number | bigint): bigint {
  if (typeof value === 'number' && !Number.isFinite(value)) {
    throw new SsError('argument-invalid', `${value} has no value in i64.`);
  }
  return BigInt(typeof value === 'bigint' ? value : Math.trunc(value));
}

function widen(narrow: Uint16Array, dtype: 'f16' | 'bf16'): Float32Array<ArrayBuffer> {
  if (dtype === 'f16') return Float32Array.from(narrow, fromF16);
  // A bf16 is the upper half of an f32.
  const bits = new Uint32Array(narrow.length);
  for (let i = 0; i < bits.length; i++) bits[i] = narrow[i]! << 16;
  return new Float32Array(bits.buffer);
}

type Plain = 'f64' | 'f32' | 'i32' | 'u32' | 'i8' | 'u8';
type At = readonly [ArrayBufferLike, number, number];

function typedArray(dtype: Plain, at: At): Exclude<TensorData, BigInt64Array> {
  switch (dtype) {
    case 'f64':
      return new Float64Array(...at) as Float64Array<ArrayBuffer>;
    case 'f32':
      return new Float32Array(...at) as Float32Array<ArrayBuffer>;
    case 'i32':
      return new Int32Array(...at) as Int32Array<ArrayBuffer>;
    case 'u32':
      return new Uint32Array(...at) as Uint32Array<ArrayBuffer>;
    case 'i8':
      return new Int8Array(...at) as Int8Array<ArrayBuffer>;
    case 'u8':
      return new Uint8Array(...at) as Uint8Array<ArrayBuffer>;
  }
}

function narrow(view: Uint16Array, from: (bits: number) => number, to: (value: number) => number): Accessor {
  return { length: view.length, get: (i) => from(view[i]!), set: (i, v) => void (view[i] = to(v)) };
}

function unaligned(bytes: Uint8Array, dtype: Exclude<DType, 'complex64'>, length: number): Accessor {
  const size = dtypes[dtype].bytes;
  const scratch = new Uint8Array(size);
  const element = accessor(scratch, dtype);
  return {
    length,
    get(i) {
      scratch.set(bytes.subarray(i * size, (i + 1) * size));
      return element.get(0);
    },
    set(i, value) {
      element.set(0, value);
      bytes.set(scratch, i * size);
    },
  };
}
