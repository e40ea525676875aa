import type { BoundCall, DType, OpCall, TensorArg, TensorSpec } from '@ss/core';
import type { Addon, OpTable } from './addon.ts';

/** Option values that are names, by what the kernels call them. */
const activations: Readonly<Record<string, number>> = { silu: 1 };

/**
 * Calls as numbers for the addon, by its own tables of ops; native/list.h has the layout. All of them are
 * integers below 2^53, or options.
 */
export class CallWriter {
  words: Float64Array = new Float64Array(256);
  length = 0;
  readonly #ops: ReadonlyMap<string, readonly [index: number, table: OpTable]>;
  readonly #dtypes: ReadonlyMap<string, number>;
  readonly #formats: ReadonlyMap<string | undefined, number>;

  constructor({ ops, dtypes, formats }: Addon) {
    this.#ops = new Map(ops.map((table, index) => [table.name, [index, table]]));
    this.#dtypes = new Map(dtypes.map((name, code) => [name, code]));
    this.#formats = new Map(formats.map((name, code) => [name === '' ? undefined : name, code]));
  }

  /** The code of a dtype. */
  dtype(name: DType): number {
    return this.#dtypes.get(name)!;
  }

  knowsFormat(format: string | undefined): boolean {
    return this.#formats.has(format);
  }

  /** A list of one call without memory. */
  writeSpecs(call: OpCall): void {
    this.length = 0;
    this.#call(call, 0, () => 0);
  }

  writeCalls(calls: readonly BoundCall<number>[]): void {
    this.length = 0;
    for (const call of calls) this.#call(call, call.scratch ?? 0, (arg) => (arg as TensorArg<number>).buffer);
  }

  #call(
    { op, inputs, outputs, options, sizes }: OpCall,
    scratch: number,
    bufferOf: (arg: TensorSpec) => number,
  ): void {
    const [index, table] = this.#ops.get(op)!;
    this.#put(index);
    this.#put(scratch);
    for (const name of table.inputs) this.#arg(inputs[name], bufferOf);
    for (const name of table.outputs) this.#arg(outputs[name], bufferOf);
    for (const name of table.options) this.#put(this.#option(options[name]));
    for (const name of table.sizes) this.#put(sizes[name] ?? 0);
  }

  #arg(arg: TensorSpec | undefined, bufferOf: (arg: TensorSpec) => number): void {
    if (arg === undefined) {
      this.#put(0);
      return;
    }
    const { dtype, format, offset, shape, strides } = arg;
    this.#put(1 + this.dtype(dtype) + 16 * this.#formats.get(format)!);
    this.#put(bufferOf(arg));
    this.#put(offset);
    this.#put(shape.length);
    for (const extent of shape) this.#put(extent);
    for (const stride of strides) this.#put(stride);
  }

  #option(value: unknown): number {
    if (value === undefined) return Number.NaN;
    if (typeof value === 'number') return value;
    if (typeof value === 'boolean') return Number(value);
    return activations[value as string] ?? this.#dtypes.get(value as string)!;
  }

  #put(word: number): void {
    if (this.length === this.words.length) {
      const longer = new Float64Array(2 * this.length);
      longer.set(this.words);
      this.words = longer;
    }
    this.words[this.length++] = word;
  }
}
