import { decode } from './encode.ts';
import { dtypes } from './dtype.ts';
import type { DataOf, DType, FloatDType, TensorData } from './dtype.ts';
import { SsError } from './errors.ts';
import { printsItself } from './prints-itself.ts';
import { track, untrack } from './scope.ts';
import {
  checkShape,
  denseStrides,
  elementCount,
  elementSpan,
  forEachPosition,
  frozen,
  isContiguous,
  show,
} from './shape.ts';
import type { Layout, Shape } from './shape.ts';
import type { Storage } from './storage.ts';

/** A tensor of numbers: what nearly every op returns. */
export type FloatTensor = Tensor<FloatDType>;

/** The dtype of a tensor's type. */
export type DTypeOf<T> = T extends Tensor<infer D> ? D : never;

/** The dtype of a tensor's type, which is a float one where ops take it. */
export type FloatOf<T> = Extract<DTypeOf<T>, FloatDType>;

/** A result in the dtype of what it was computed from. */
export type Computed<X extends DType> = Tensor<Extract<X, FloatDType>>;

/** What is accumulated for a dtype: f32, or f64. */
export type WideOf<D extends DType> = D extends 'f64' ? 'f64' : 'f32';

export interface TensorInit<D extends DType> extends Layout {
  readonly dtype: D;
  readonly format?: string | undefined;
}

/**
 * An immutable view of memory that a backend (or the host) owns: dtype, shape, strides in elements, offset.
 * Every method that returns a tensor returns another view of the same memory, to be disposed on its own.
 */
export class Tensor<D extends DType = DType> implements Disposable, Layout {
  readonly dtype: D;
  readonly shape: Shape;
  readonly strides: readonly number[];
  readonly offset: number;
  /** Set on packed weights: the backend's name for its own layout. Such a tensor has no views. */
  readonly format: string | undefined;
  readonly #storage: Storage;
  #disposed = false;

  static {
    printsItself(this, 'Tensor');
  }

  /** @internal Takes over one reference of `storage`. */
  constructor(storage: Storage, init: TensorInit<D>) {
    this.#storage = storage;
    this.dtype = init.dtype;
    this.shape = frozen(init.shape);
    this.strides = frozen(init.strides);
    this.offset = init.offset;
    this.format = init.format;
    checkShape(this.shape, 'A tensor');
    if (this.format === undefined) this.#checkBounds();
    // What was checked is what every call will see: kernels take shapes at their word.
    Object.freeze(this);
    track(this);
  }

  /** @throws SsError `tensor-disposed` */
  get storage(): Storage {
    if (this.#disposed) {
      throw new SsError(
        'tensor-disposed',
        `A ${this.dtype} tensor of shape ${show(this.shape)} was used after dispose().`,
      );
    }
    return this.#storage;
  }

  get rank(): number {
    return this.shape.length;
  }

  /** Number of elements. */
  get size(): number {
    return elementCount(this.shape);
  }

  get contiguous(): boolean {
    return isContiguous(this);
  }

  get disposed(): boolean {
    return this.#disposed;
  }

  /**
   * The elements in row-major order, as of this point of the device's queue.
   * f16 and bf16 arrive widened to `Float32Array`, complex64 as interleaved (re, im).
   * @throws SsError `execution-failed` when the op that made this tensor, or one before it, failed.
   */
  async read(): Promise<DataOf[D]> {
    const { storage } = this;
    this.#requireUnpacked('read');
    const bytes = dtypes[this.dtype].bytes;
    const span = elementSpan(this);
    storage.retain();
    try {
      const raw = await storage.owner.read(storage, span.start * bytes, (span.end - span.start) * bytes);
      return gather(raw, { ...layoutOf(this), offset: this.offset - span.start }, this.dtype);
    } finally {
      storage.release();
    }
  }

  /** Elements `start` up to `end` of one axis; negative counts from the end. */
  slice(axis: number, start: number, end?: number): Tensor<D> {
    const a = this.#axis(axis);
    const extent = this.shape[a]!;
    const from = clampIndex(start, extent);
    const to = Math.max(from, clampIndex(end ?? extent, extent));
    return this.#view({
      shape: this.shape.with(a, to - from),
      strides: this.strides,
      offset: this.offset + from * this.strides[a]!,
    });
  }

  /** One index of an axis, which disappears: (B, L, D).select(1, 0) is (B, D). */
  select(axis: number, index: number): Tensor<D> {
    const a = this.#axis(axis);
    const extent = this.shape[a]!;
    const at = index < 0 ? index + extent : index;
    if (!Number.isInteger(at) || at < 0 || at >= extent) {
      throw new SsError('argument-invalid', `Index ${index} is outside axis ${axis} of ${show(this.shape)}.`);
    }
    return this.#view({
      shape: this.shape.toSpliced(a, 1),
      strides: this.strides.toSpliced(a, 1),
      offset: this.offset + at * this.strides[a]!,
    });
  }

  /** Axes in a new order: a (B, D, L) tensor becomes (B, L, D) by `permute(0, 2, 1)`. */
  permute(...order: number[]): Tensor<D> {
    const axes = order.map((axis) => this.#axis(axis));
    if (axes.length !== this.rank || new Set(axes).size !== this.rank) {
      throw new SsError(
        'argument-invalid',
        `permute(${order.join(', ')}) does not name every axis of ${show(this.shape)} once.`,
      );
    }
    return this.#view({
      shape: axes.map((axis) => this.shape[axis]!),
      strides: axes.map((axis) => this.strides[axis]!),
      offset: this.offset,
    });
  }

  /** The axis backwards, by a negative stride. */
  reverse(axis: number): Tensor<D> {
    const a = this.#axis(axis);
    const extent = this.shape[a]!;
    return this.#view({
      shape: this.shape,
      strides: this.strides.with(a, -this.strides[a]!),
      offset: this.offset + (extent - 1) * this.strides[a]!,
    });
  }

  /** A new axis of extent 1. */
  unsqueeze(axis: number): Tensor<D> {
    const a = axis < 0 ? axis + this.rank + 1 : axis;
    if (!Number.isInteger(a) || a < 0 || a > this.rank) throw axisError(axis, this.shape);
    return this.#view({
      shape: this.shape.toSpliced(a, 0, 1),
      strides: this.strides.toSpliced(a, 0, 1),
      offset: this.offset,
    });
  }

  /** Axes of extent 1 repeated without memory, by stride 0; leading axes are added as needed. */
  broadcast(shape: Shape): Tensor<D> {
    checkShape(shape, 'A broadcast view');
    const added = shape.length - this.rank;
    const strides = shape.map((extent, axis) => {
      const own = this.shape[axis - added];
      if (own === extent) return this.strides[axis - added]!;
      if (own === undefined || own === 1) return 0;
      throw new SsError('shape-mismatch', `${show(this.shape)} cannot be broadcast to ${show(shape)}.`);
    });
    if (added < 0)
      throw new SsError('shape-mismatch', `${show(this.shape)} cannot be broadcast to ${show(shape)}.`);
    return this.#view({ shape, strides, offset: this.offset });
  }

  /**
   * The same elements in row-major order under another shape, without a copy.
   * @throws SsError `stride-invalid` when strides cannot express it; copy first.
   */
  reshape(shape: Shape): Tensor<D> {
    checkShape(shape, 'A reshaped view');
    if (elementCount(shape) !== this.size) {
      throw new SsError(
        'shape-mismatch',
        `${show(this.shape)} has ${this.size} elements and cannot become ${show(shape)}.`,
      );
    }
    const strides = this.contiguous ? denseStrides(shape) : restride(this, shape);
    if (strides === undefined) {
      throw new SsError(
        'stride-invalid',
        `A view of ${show(this.shape)} with strides ${show(this.strides)} cannot become ${show(shape)} without a copy.`,
        {
          hint: 'Copy it first: engine.copy({ x }).reshape(...).',
        },
      );
    }
    return this.#view({ shape, strides, offset: this.offset });
  }

  /** A second handle on the same view, with its own lifetime. */
  alias(): Tensor<D> {
    return new Tensor<D>(this.storage.retain(), {
      ...layoutOf(this),
      dtype: this.dtype,
      format: this.format,
    });
  }

  /** Frees this view; the memory goes when its last view does. Disposing twice is allowed. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    untrack(this);
    this.#storage.release();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** `f32 (2, 3) on wasm` */
  toString(): string {
    const packed = this.format === undefined ? '' : `, packed as ${this.format}`;
    return `${this.dtype} ${show(this.shape)} on ${this.#storage.owner.label}${packed}${this.#disposed ? ', disposed' : ''}`;
  }

  #view(layout: Layout): Tensor<D> {
    const { storage } = this;
    this.#requireUnpacked('viewed');
    // An empty view is nowhere, so that walking on from it cannot leave the buffer.
    const offset = layout.shape.includes(0) ? 0 : layout.offset;
    return new Tensor<D>(storage.retain(), { ...layout, offset, dtype: this.dtype });
  }

  #axis(axis: number): number {
    const a = axis < 0 ? axis + this.rank : axis;
    if (!Number.isInteger(a) || a < 0 || a >= this.rank) throw axisError(axis, this.shape);
    return a;
  }

  #requireUnpacked(doing: string): void {
    if (this.format !== undefined) {
      throw new SsError('tensor-packed', `A packed weight (${this.format}) cannot be ${doing}.`, {
        hint: 'Keep the tensor it was packed from if you need its values.',
      });
    }
  }

  #checkBounds(): void {
    const { start, end } = elementSpan(this);
    const capacity = Math.floor(this.#storage.byteLength / dtypes[this.dtype].bytes);
    if (this.strides.length !== this.shape.length || start < 0 || end > capacity) {
      throw new SsError(
        'stride-invalid',
        `A view of shape ${show(this.shape)} with strides ${show(this.strides)} at ${this.offset} reaches outside its ${capacity} elements.`,
        {
          details: { ...layoutOf(this), capacity },
        },
      );
    }
  }
}

export function layoutOf({ shape, strides, offset }: Layout): Layout {
  return { shape, strides, offset };
}

/** The logical elements of a view over `raw` storage bytes, in row-major order. */
export function gather<D extends DType>(raw: Uint8Array, layout: Layout, dtype: D): DataOf[D];
export function gather(raw: Uint8Array, layout: Layout, dtype: DType): TensorData {
  const size = dtypes[dtype].bytes;
  const count = elementCount(layout.shape);
  if (isContiguous(layout))
    return decode(raw.subarray(layout.offset * size, (layout.offset + count) * size), dtype);
  const dense = new Uint8Array(count * size);
  let to = 0;
  forEachPosition(layout, (position) => {
    for (let byte = 0; byte < size; byte++) dense[to++] = raw[position * size + byte]!;
  });
  return decode(dense, dtype);
}

function clampIndex(index: number, extent: number): number {
  if (!Number.isInteger(index)) throw new SsError('argument-invalid', `Index ${index} is not an integer.`);
  return Math.min(extent, Math.max(0, index < 0 ? index + extent : index));
}

function axisError(axis: number, shape: Shape): SsError {
  return new SsError('argument-invalid', `Axis ${axis} is outside a tensor of shape ${show(shape)}.`);
}

/** Strides of `to` over the elements of `from`, when groups of axes merge or split in place; else undefined. */
function restride(from: Layout, to: Shape): number[] | undefined {
  const source = from.shape.flatMap((extent, axis) =>
    extent === 1 ? [] : [{ extent, stride: from.strides[axis]! }],
  );
  const strides = new Array<number>(to.length).fill(0);
  let axis = to.length - 1;
  for (let i = source.length - 1; i >= 0;) {
    let extent = source[i]!.extent;
    const inner = source[i]!.stride;
    let j = i - 1;
    while (j >= 0 && source[j]!.stride === inner * extent) extent *= source[j--]!.extent;
    let step = inner;
    let covered = 1;
    while (axis >= 0 && covered < extent) {
      covered *= to[axis]!;
      strides[axis] = step;
      step *= to[axis]!;
      axis--;
    }
    if (covered !== extent) return undefined;
    i = j;
  }
  return strides;
}
