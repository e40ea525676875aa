import { SsError } from './errors.ts';
import { showValue } from './options.ts';

/** Numbers in arrays of arrays, as deep as the tensor has axes. */
export type NestedNumbers = readonly (number | bigint | NestedNumbers | ArrayLike<number>)[];

/** What tensors are made from: numbers in row-major order, or nested in arrays. */
export type Values = ArrayLike<number> | ArrayLike<bigint> | NestedNumbers;

type Flat = ArrayLike<number> | ArrayLike<bigint>;

/**
 * The numbers of `values` in row-major order, and the shape in which they are nested.
 * @throws SsError `argument-invalid` for what is no number; `shape-mismatch` for rows of different lengths
 */
export function flatten(values: unknown): { readonly flat: Flat; readonly nested: readonly number[] } {
  if (isNumbers(values)) return { flat: values, nested: [values.length] };
  if (isList(values)) return flatten(Array.from(values));
  if (!Array.isArray(values)) throw notNumbers(values);
  const shape = nesting(values);
  if (shape.length === 1) {
    for (let i = 0; i < values.length; i++) checkNumber(values[i], [i]);
    return { flat: values as number[], nested: shape };
  }
  const flat: (number | bigint)[] = [];
  collect(values, shape, [], flat);
  return { flat: flat as number[], nested: shape };
}

/** A typed array of numbers. */
function isNumbers(value: unknown): value is Flat {
  return ArrayBuffer.isView(value) && !(value instanceof DataView);
}

/** What has a length and elements, and is neither an array nor text. */
function isList(value: unknown): value is ArrayLike<unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Number.isSafeInteger((value as { length?: unknown }).length);
}

/** The extents along the first elements. */
function nesting(values: unknown): number[] {
  if (isNumbers(values)) return [values.length];
  if (!Array.isArray(values)) return [];
  return [values.length, ...nesting(values[0])];
}

function collect(
  values: unknown,
  shape: readonly number[],
  at: readonly number[],
  into: (number | bigint)[],
): void {
  const [extent, ...inner] = shape;
  if (extent === undefined) {
    checkNumber(values, at);
    into.push(values as number | bigint);
    return;
  }
  const length = Array.isArray(values) || isNumbers(values) ? values.length : undefined;
  if (length !== extent) {
    const got = length === undefined ? `is ${showValue(values)}` : `has ${length} elements`;
    throw new SsError(
      'shape-mismatch',
      `Row [${at.join('][')}] of the values ${got}; the first has ${extent}.`,
      {
        hint: 'All rows of a tensor are equally long.',
        details: { at, length, wanted: extent },
      },
    );
  }
  const list = values as ArrayLike<unknown>;
  for (let i = 0; i < extent; i++) collect(list[i], inner, [...at, i], into);
}

function checkNumber(value: unknown, at: readonly number[]): void {
  if (typeof value === 'number' || typeof value === 'bigint') return;
  throw new SsError(
    'argument-invalid',
    `Element [${at.join('][')}] is ${showValue(value)} where a number is wanted.`,
    {
      details: { at },
    },
  );
}

function notNumbers(value: unknown): SsError {
  const hint =
    typeof value === 'number'
      ? `A single number is tensor([${value}], []).`
      : 'Give an array of numbers, or a typed array.';
  return new SsError('argument-invalid', `A tensor cannot be made from ${showValue(value)}.`, { hint });
}
