import type { TensorSpec } from '../backend.ts';
import { isFloat } from '../dtype.ts';
import type { DType } from '../dtype.ts';
import { SsError } from '../errors.ts';
import { denseStrides, show } from '../shape.ts';
import type { Shape } from '../shape.ts';
import type { OpName, Specs } from './op.ts';

/**
 * Validation of one call's tensors. Shapes are written as the contract writes them: `['B', 'L', 'D']` binds
 * each symbol at its first use and demands the same extent after that; a number demands itself.
 */
export class Checker {
  readonly sizes: Record<string, number> = {};
  readonly #op: OpName;
  readonly #inputs: Specs;
  readonly #boundBy: Record<string, string> = {};

  constructor(op: OpName, inputs: Specs) {
    this.#op = op;
    this.#inputs = inputs;
  }

  /** @throws SsError `shape-mismatch` naming the symbol, this argument and the one that bound it */
  shape(name: string, pattern: readonly (string | number)[]): TensorSpec | undefined {
    const spec = this.#inputs[name];
    if (spec === undefined) return undefined;
    if (spec.shape.length !== pattern.length) this.#shapeError(name, spec, pattern);
    for (const [axis, symbol] of pattern.entries()) {
      const extent = spec.shape[axis]!;
      if (typeof symbol === 'number') {
        if (extent !== symbol) this.#shapeError(name, spec, pattern);
      } else if (this.sizes[symbol] === undefined) {
        this.sizes[symbol] = extent;
        this.#boundBy[symbol] = name;
      } else if (this.sizes[symbol] !== extent) {
        this.#shapeError(name, spec, pattern, symbol);
      }
    }
    return spec;
  }

  /** The pattern whose rank the argument has. */
  oneOf(
    name: string,
    ...patterns: (readonly (string | number)[])[]
  ): readonly (string | number)[] | undefined {
    const spec = this.#inputs[name];
    if (spec === undefined) return undefined;
    const pattern = patterns.find((p) => p.length === spec.shape.length);
    if (pattern === undefined) {
      const allowed = patterns.map((p) => `(${p.join(', ')})`).join(' or ');
      throw this.error(
        'shape-mismatch',
        `${name} has shape ${show(spec.shape)} where ${allowed} is wanted.`,
        { [name]: spec.shape },
      );
    }
    this.shape(name, pattern);
    return pattern;
  }

  /** @throws SsError `dtype-unsupported` */
  dtype(name: string, allowed: readonly DType[]): void {
    const spec = this.#inputs[name];
    if (spec === undefined || allowed.includes(spec.dtype)) return;
    throw this.error('dtype-unsupported', `${name} is ${spec.dtype} where ${allowed.join(', ')} is wanted.`, {
      [name]: spec.dtype,
    });
  }

  /** Every named argument must have the dtype of the first. */
  sameDType(first: string, ...others: string[]): void {
    const dtype = this.#inputs[first]!.dtype;
    for (const name of others) this.dtype(name, [dtype]);
  }

  float(...names: string[]): void {
    for (const name of names) {
      const spec = this.#inputs[name];
      if (spec && !isFloat(spec.dtype)) {
        throw this.error(
          'dtype-unsupported',
          `${name} is ${spec.dtype} where a real floating-point dtype is wanted.`,
          { [name]: spec.dtype },
        );
      }
    }
  }

  /** Every extent bound so far must be at least 1. */
  positive(...symbols: string[]): void {
    for (const symbol of symbols) {
      if (this.sizes[symbol] === 0) {
        throw this.error(
          'shape-mismatch',
          `${symbol} is 0${this.#boundBy[symbol] === undefined ? '' : ` in ${this.#boundBy[symbol]}`}; it must be at least 1.`,
          { ...this.sizes },
        );
      }
    }
  }

  /** @throws SsError `group-mismatch` */
  groups(channels: string, groups: string): void {
    const d = this.sizes[channels]!;
    const g = this.sizes[groups]!;
    if (g < 1 || d % g !== 0) {
      throw this.error(
        'group-mismatch',
        `${d} channels (${channels}) cannot be split into ${g} groups (${groups}).`,
        { [channels]: d, [groups]: g },
      );
    }
  }

  error(
    code: 'shape-mismatch' | 'dtype-unsupported' | 'group-mismatch' | 'argument-invalid',
    message: string,
    details: Record<string, unknown> = {},
  ): SsError {
    return new SsError(code, `${this.#op}: ${message}`, { details: { op: this.#op, ...details } });
  }

  #shapeError(name: string, spec: TensorSpec, pattern: readonly (string | number)[], symbol?: string): never {
    const bound =
      symbol === undefined ? '' : ` with ${symbol} = ${this.sizes[symbol]} from ${this.#boundBy[symbol]}`;
    throw this.error(
      'shape-mismatch',
      `${name} has shape ${show(spec.shape)} where (${pattern.join(', ')})${bound} is wanted.`,
      {
        [name]: spec.shape,
        wanted: pattern,
        sizes: { ...this.sizes },
      },
    );
  }
}

/**
 * Cotangents have the shape and dtype of what they belong to.
 * @throws SsError naming the first that has not
 */
export function checkCotangents(
  op: OpName,
  given: Readonly<Record<string, TensorSpec | undefined>>,
  of: Specs,
): void {
  const inputs = Object.fromEntries(
    Object.entries(given).flatMap(([name, spec]) => (spec ? [[name, spec]] : [])),
  );
  const check = new Checker(op, inputs);
  for (const name of Object.keys(inputs)) {
    const wanted = of[name];
    if (wanted === undefined)
      throw check.error('argument-invalid', `${name} is the cotangent of an output this call does not have.`);
    check.shape(name, wanted.shape);
    check.dtype(name, [wanted.dtype]);
  }
}

/** A dense output `dX` of the shape and dtype of every input X. */
export function gradientsOf(inputs: Specs): Specs {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, { dtype, shape }]) => [`d${name}`, dense(dtype, shape)]),
  );
}

/** A dense tensor spec. */
export function dense(dtype: DType, shape: Shape): TensorSpec {
  return { dtype, shape, strides: denseStrides(shape), offset: 0 };
}

/** A state spec (B, D, N) whose memory is (B, N, D): channels contiguous, as kernels with lanes on channels want it. */
export function channelsLast(dtype: DType, shape: readonly [number, number, number]): TensorSpec {
  const [, d, n] = shape;
  return { dtype, shape, strides: [n * d, 1, d], offset: 0 };
}
