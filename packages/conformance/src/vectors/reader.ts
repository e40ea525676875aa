import type { OpName } from '@ss/core';
import { ops } from '@ss/core/engine';
import { makeCall } from '../calls/call.ts';
import type { Call } from '../calls/call.ts';
import { cast, permuted } from '../values.ts';
import type { Values } from '../values.ts';
import type { VectorEntry } from './folder.ts';

/** A vector as a call of the contract, with what must come out. */
export interface Vector {
  readonly call: Call;
  readonly expected: Readonly<Record<string, ArrayLike<number>>>;
  /** the call of the op's gradient, where the file has gradients */
  readonly gradient?: Omit<Vector, 'gradient'>;
}

type Tensors = ReadonlyMap<string, Values>;

/** A tensor's name in the contract, and its axes in the contract's order. */
type Names = Readonly<Record<string, readonly [name: string, arrange: (x: Values) => Values]>>;

interface Format {
  readonly inputs: Names;
  readonly outputs: Names;
  readonly options: Readonly<Record<string, unknown>>;
  /** options of the gradient's op */
  readonly gradient?: Readonly<Record<string, unknown>>;
}

/** Official ops are stored as the official packages have them, channels before time; the others as ours. */
const formats: Partial<Readonly<Record<OpName, (entry: VectorEntry) => Format>>> = {
  selectiveScan: scanFormat,
  causalConv1d: convFormat,
  selectiveStateUpdate: updateFormat,
};

export function readVector(entry: VectorEntry, tensors: Tensors): Vector {
  const op = entry.op as OpName;
  const { inputs, outputs, options, gradient } = (formats[op] ?? plainFormat(tensors))(entry);
  const given = Object.fromEntries(take(tensors, 'in', inputs));
  const data = ([name, { data }]: [string, Values]): [string, ArrayLike<number>] => [name, data];
  const vector: Vector = {
    call: makeCall(op, given, options),
    expected: Object.fromEntries(take(tensors, 'out', outputs).map(data)),
  };
  const gradients = take(tensors, 'grad', inputs);
  const dout = tensors.get('in.dout');
  if (gradient === undefined || dout === undefined || gradients.length === 0) return vector;
  // The cotangent is stored unrounded, as f32. Narrow inputs are exact in f32, so f32 gradients have one truth.
  const wide = Object.fromEntries(Object.entries(given).map(([name, x]) => [name, isNarrow(x) ? cast(x, 'f32') : x]));
  return {
    ...vector,
    gradient: {
      call: makeCall(`${op}Backward` as OpName, { ...wide, dy: outputs['y']![1](dout) }, gradient),
      expected: Object.fromEntries(gradients.map(data).map(([name, numbers]) => [`d${name}`, numbers])),
    },
  };
}

function take(tensors: Tensors, prefix: 'in' | 'out' | 'grad', names: Names): [string, Values][] {
  return Object.entries(names).flatMap(([key, [name, arrange]]) => {
    const found = tensors.get(`${prefix}.${key}`);
    return found ? [[name, arrange(found)] as [string, Values]] : [];
  });
}

function scanFormat(entry: VectorEntry): Format {
  const weight = isSet(entry, 'cplx') ? asComplex : same;
  // (B, N, L) or (B, G, N, L) when varying, (D, N) when constant
  const projection = (varying: boolean) => (x: Values): Values => (varying ? timeFirst(weight(x)) : weight(x));
  const softplus = isSet(entry, 'softplus');
  return {
    inputs: {
      u: ['u', timeFirst],
      delta: ['delta', timeFirst],
      A: ['A', weight],
      B: ['B', projection(isSet(entry, 'varB'))],
      C: ['C', projection(isSet(entry, 'varC'))],
      D: ['D', same],
      z: ['z', timeFirst],
      delta_bias: ['deltaBias', same],
      initial_state: ['initialState', weight],
    },
    outputs: { y: ['y', timeFirst], state: ['finalState', weight] },
    options: { softplus, finalState: true },
    gradient: { softplus },
  };
}

function convFormat(entry: VectorEntry): Format {
  const activation = isSet(entry, 'silu') ? 'silu' : undefined;
  return {
    inputs: {
      x: ['x', timeFirst],
      weight: ['weight', same],
      bias: ['bias', same],
      initial_state: ['initialState', timeFirst],
    },
    outputs: { y: ['y', timeFirst], state: ['finalState', timeFirst] },
    options: { activation, finalState: true },
    gradient: { activation },
  };
}

function updateFormat(entry: VectorEntry): Format {
  const unchanged: Names = Object.fromEntries(
    ['state', 'x', 'dt', 'A', 'B', 'C', 'D', 'z'].map((name) => [name, [name, same]]),
  );
  return {
    inputs: { ...unchanged, dt_bias: ['dtBias', same] },
    outputs: { y: ['y', same], state: ['state', same] },
    options: { softplus: isSet(entry, 'softplus') },
  };
}

/** `in.NAME` is the argument NAME, `out.NAME` the output; the op's options are in the index. */
function plainFormat(tensors: Tensors): (entry: VectorEntry) => Format {
  const all = (prefix: string): Names =>
    Object.fromEntries(
      [...tensors.keys()]
        .filter((key) => key.startsWith(prefix))
        .map((key) => key.slice(prefix.length))
        .map((name) => [name, [name, same]]),
    );
  return (entry) => ({
    inputs: all('in.'),
    outputs: all('out.'),
    options: Object.fromEntries(Object.keys(ops[entry.op as OpName].options).map((name) => [name, entry[name]])),
  });
}

function isNarrow({ dtype }: Values): boolean {
  return dtype === 'f16' || dtype === 'bf16';
}

function same(x: Values): Values {
  return x;
}

/** (..., D, L) to (..., L, D), groups staying where they are between time and states. */
function timeFirst(x: Values): Values {
  return x.shape.length === 4 ? permuted(x, 0, 3, 1, 2) : permuted(x, 0, 2, 1);
}

/** (..., 2) real numbers as complex ones. */
function asComplex({ shape, data }: Values): Values {
  if (shape.at(-1) !== 2) throw new Error(`A complex tensor has a last axis of 2, not ${shape.at(-1)}.`);
  return { dtype: 'complex64', shape: shape.slice(0, -1), data };
}

function isSet(entry: VectorEntry, name: string): boolean {
  return entry[name] === 1 || entry[name] === true;
}
