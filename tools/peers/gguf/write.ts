import { closeSync, openSync, writeSync } from 'node:fs';
import { byteLength, encodeTensor, ggmlTypes } from './encode.ts';
import type { GgmlType } from './encode.ts';

/*
 * GGUF, version 3, as ggml's docs/gguf.md describes it: a header, metadata by key, a list of tensors, and their data,
 * each aligned. Everything is little-endian; a shape is written innermost extent first.
 */

export type MetadataValue =
  | string
  | readonly string[]
  | { readonly u32: number }
  | { readonly f32: number }
  | { readonly i32s: readonly number[] };

export interface GgufTensor {
  readonly name: string;
  /** outermost first, as everywhere here */
  readonly shape: readonly number[];
  readonly type: GgmlType;
  /** row-major */
  values(): Float32Array;
}

const alignment = 32;
const version = 3;
const valueTypes = { u32: 4, i32: 5, f32: 6, string: 8, array: 9 };

/** Writes the file; at any time only one tensor is in memory. @returns bytes of all tensors */
export function writeGguf(
  path: string,
  metadata: Readonly<Record<string, MetadataValue>>,
  tensors: readonly GgufTensor[],
): number {
  const entries = Object.entries(metadata);
  const head = new Bytes();
  head.raw(new TextEncoder().encode('GGUF')).u32(version).u64(tensors.length).u64(entries.length);
  for (const [key, value] of entries) writeValue(head.string(key), value);
  let size = 0;
  for (const { name, shape, type } of tensors) {
    head.string(name).u32(shape.length);
    for (const extent of shape.toReversed()) head.u64(extent);
    head.u32(ggmlTypes[type]).u64(size);
    size += aligned(lengthOf({ shape, type }));
  }
  const file = openSync(path, 'w');
  try {
    writeAll(file, padded(head.bytes()));
    for (const tensor of tensors) {
      const bytes = encodeTensor(tensor.values(), tensor.type);
      if (bytes.length !== lengthOf(tensor))
        throw new RangeError(
          `${tensor.name} has ${bytes.length} bytes where its shape has ${lengthOf(tensor)}.`,
        );
      writeAll(file, padded(bytes));
    }
  } finally {
    closeSync(file);
  }
  return tensors.reduce((sum, tensor) => sum + lengthOf(tensor), 0);
}

function writeValue(to: Bytes, value: MetadataValue): void {
  if (typeof value === 'string') to.u32(valueTypes.string).string(value);
  else if ('u32' in value) to.u32(valueTypes.u32).u32(value.u32);
  else if ('f32' in value) to.u32(valueTypes.f32).f32(value.f32);
  else if ('i32s' in value) {
    to.u32(valueTypes.array).u32(valueTypes.i32).u64(value.i32s.length);
    for (const one of value.i32s) to.u32(one);
  } else {
    to.u32(valueTypes.array).u32(valueTypes.string).u64(value.length);
    for (const one of value) to.string(one);
  }
}

function lengthOf({ shape, type }: Pick<GgufTensor, 'shape' | 'type'>): number {
  return byteLength(
    shape.reduce((a, b) => a * b, 1),
    type,
  );
}

function aligned(length: number): number {
  return Math.ceil(length / alignment) * alignment;
}

function padded(bytes: Uint8Array): Uint8Array {
  if (bytes.length % alignment === 0) return bytes;
  const whole = new Uint8Array(aligned(bytes.length));
  whole.set(bytes);
  return whole;
}

function writeAll(file: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at);
}

/** Bytes that grow at their end. */
class Bytes {
  #buffer = new Uint8Array(1 << 16);
  #length = 0;

  raw(bytes: Uint8Array): this {
    const at = this.#grow(bytes.length);
    this.#buffer.set(bytes, at);
    return this;
  }

  u32(value: number): this {
    const at = this.#grow(4);
    new DataView(this.#buffer.buffer).setUint32(at, value, true);
    return this;
  }

  f32(value: number): this {
    const at = this.#grow(4);
    new DataView(this.#buffer.buffer).setFloat32(at, value, true);
    return this;
  }

  u64(value: number): this {
    const at = this.#grow(8);
    new DataView(this.#buffer.buffer).setBigUint64(at, BigInt(value), true);
    return this;
  }

  string(text: string): this {
    const bytes = new TextEncoder().encode(text);
    return this.u64(bytes.length).raw(bytes);
  }

  bytes(): Uint8Array {
    return this.#buffer.slice(0, this.#length);
  }

  #grow(by: number): number {
    const at = this.#length;
    this.#length += by;
    if (this.#length > this.#buffer.length) {
      const more = new Uint8Array(Math.max(2 * this.#buffer.length, this.#length));
      more.set(this.#buffer);
      this.#buffer = more;
    }
    return at;
  }
}
