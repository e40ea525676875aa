import { denseStrides, dtypes } from '@ss/core';
import type { DType, OpCall, OpName, TensorSpec } from '@ss/core';
import { callOf, ops } from '@ss/core/engine';
import { laidOut } from '../layouts.ts';
import type { LayoutName } from '../layouts.ts';
import { widened } from '../values.ts';
import type { Values } from '../values.ts';

/** An op with all its arguments as numbers: what a case runs, on the backend and on the reference. */
export interface Call {
  readonly op: OpName;
  /** tensor arguments by name, in-place ones included */
  readonly inputs: Readonly<Record<string, Values>>;
  readonly options: Readonly<Record<string, unknown>>;
}

type MaybeInputs = Readonly<Record<string, Values | undefined | false>>;
type MaybeOptions = Readonly<Record<string, unknown>>;

/** A call without the arguments that are undefined or false. */
export function makeCall(op: OpName, inputs: MaybeInputs, options: MaybeOptions = {}): Call {
  return {
    op,
    inputs: Object.fromEntries(
      Object.entries(inputs).filter((entry): entry is [string, Values] => Boolean(entry[1])),
    ),
    options: Object.fromEntries(
      Object.entries(options).filter(([, value]) => value !== undefined && value !== false),
    ),
  };
}

/** What the op's contract says of the call: outputs, in-place arguments, sizes. */
export function inferred({ op, inputs, options }: Call): OpCall {
  const specs = Object.entries(inputs).map(([name, { dtype, shape }]): [string, TensorSpec] => [
    name,
    { dtype, shape, strides: denseStrides(shape), offset: 0 },
  ]);
  return callOf(ops[op], Object.fromEntries(specs), options);
}

/** The storage dtype that the op's tolerance is about. */
export function mainDType({ op, inputs, options }: Call): DType {
  if (op === 'embedding') return (options['dtype'] as DType | undefined) ?? 'f32';
  const main = inputs['u'] ?? inputs['x'] ?? inputs['a'] ?? inputs['logits'] ?? inputs['dy'];
  return main!.dtype;
}

/** Arguments that are f32 by contract, whatever the others are. */
const alwaysF32 = ['uniform'];

/**
 * The same call in float64, on the same (already rounded) numbers. A copy keeps its dtypes: it is exact, and
 * its casts are what is tested.
 */
export function inFloat64({ op, inputs, options }: Call): Call {
  if (op === 'copy') return { op, inputs: mapInputs(inputs, dense), options };
  return {
    op,
    inputs: mapInputs(inputs, (value, name) => (alwaysF32.includes(name) ? dense(value) : widened(value))),
    options: op === 'embedding' ? { ...options, dtype: 'f64' } : options,
  };
}

function dense({ dtype, shape, data }: Values): Values {
  return { dtype, shape, data };
}

/** Every argument in memory as `layout` says, where its values and shape allow. */
export function withLayout(call: Call, layout: LayoutName, only?: readonly string[]): Call {
  const written = inferred(call).inout;
  return {
    ...call,
    inputs: mapInputs(call.inputs, (value, name) => {
      if (only !== undefined && !only.includes(name)) return value;
      // Memory that is written in place must not overlap itself.
      if (layout === 'broadcast' && (written.includes(name) || dtypes[value.dtype].kind === 'int'))
        return value;
      return laidOut(value, layout);
    }),
  };
}

export function mapInputs(
  inputs: Call['inputs'],
  map: (value: Values, name: string) => Values,
): Call['inputs'] {
  return Object.fromEntries(Object.entries(inputs).map(([name, value]) => [name, map(value, name)]));
}
