import { beforeEach, describe, expect, test } from 'vitest';
import type { DType } from '../dtype.ts';
import { Engine } from '../engine/engine.ts';
import { tensor, zeros } from '../host.ts';
import { createReferenceBackend } from '../reference/index.ts';
import type { Shape } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { SlowBackend } from '../../test/slow-backend.ts';
import { opNames, ops } from './index.ts';
import type { OpName } from './op.ts';

type Given = readonly [shape: Shape, dtype?: DType];

interface Entry {
  /** A correct call with every optional argument that goes with the others. */
  readonly tensors: Readonly<Record<string, Given>>;
  readonly options?: Readonly<Record<string, unknown>>;
  /** Axes that no other argument has: any extent fits. */
  readonly free?: readonly string[];
  /** Arguments of any dtype, or whose dtype decides those of others that were left out. */
  readonly anyDType?: readonly string[];
  /** Values by option that mean nothing. */
  readonly wrong?: Readonly<Record<string, readonly unknown[]>>;
}

const flag = [1, 'yes', null];
const positive = [0, -1, 1.5, '2', Number.NaN];
const bld: Given = [[2, 3, 4]];
const scan: Readonly<Record<string, Given>> = {
  u: bld,
  delta: bld,
  A: [[4, 5]],
  B: [[2, 3, 2, 5]],
  C: [[2, 3, 2, 5]],
  D: [[4]],
  z: bld,
  deltaBias: [[4]],
};
const conv: Readonly<Record<string, Given>> = { x: bld, weight: [[4, 3]], bias: [[4]] };
const norm: Readonly<Record<string, Given>> = {
  x: [[2, 4]],
  weight: [[4]],
  residual: [[2, 4]],
  gate: [[2, 4]],
};
const scanFlags = { softplus: flag, reverse: flag };

const table: Readonly<Record<Exclude<OpName, 'pack'>, Entry>> = {
  selectiveScan: {
    tensors: { ...scan, state: [[2, 4, 5]] },
    options: { softplus: true, reverse: true },
    wrong: { ...scanFlags, finalState: flag },
  },
  selectiveStateUpdate: {
    tensors: {
      state: [[2, 4, 3, 5]],
      x: [[2, 4, 3]],
      dt: [[2, 4, 3]],
      A: [[4, 3, 5]],
      B: [[2, 2, 5]],
      C: [[2, 2, 5]],
      D: [[4, 3]],
      z: [[2, 4, 3]],
      dtBias: [[4, 3]],
    },
    wrong: { softplus: flag },
  },
  causalConv1d: {
    tensors: { ...conv, state: [[2, 2, 4]] },
    options: { activation: 'silu' },
    free: ['x.1'],
    wrong: { activation: ['relu', true], reverse: flag, finalState: flag },
  },
  causalConv1dUpdate: {
    tensors: { x: [[2, 4]], state: [[2, 2, 4]], weight: [[4, 3]], bias: [[4]] },
    wrong: { activation: ['relu', true] },
  },
  linear: { tensors: { x: [[2, 4]], weight: [[3, 4]], bias: [[3]], residual: [[2, 3]] } },
  rmsNorm: {
    tensors: norm,
    options: { groups: 2 },
    wrong: { eps: [0, -1, Number.NaN, Infinity, '1'], groups: positive },
  },
  copy: { tensors: { x: [[2, 3]], to: [[2, 3]] }, anyDType: ['x', 'to'], wrong: { dtype: ['f8', 32] } },
  add: { tensors: { a: [[2, 3]], b: [[2, 3]] } },
  embedding: {
    tensors: { ids: [[2, 3], 'i32'], weight: [[4, 5]] },
    free: ['ids.0', 'ids.1', 'ids.rank', 'weight.0', 'weight.1'],
    wrong: { dtype: ['i32', 'complex64', 'f8', 1] },
  },
  silu: { tensors: { x: [[2, 3]] }, free: ['x.0', 'x.1', 'x.rank'] },
  softplus: { tensors: { x: [[2, 3]] }, free: ['x.0', 'x.1', 'x.rank'] },
  crossEntropy: { tensors: { logits: [[2, 5]], targets: [[2], 'i32'] }, free: ['logits.1'] },
  argmax: {
    tensors: { logits: [[2, 5]] },
    free: ['logits.0', 'logits.1'],
    wrong: { vocabulary: [0, 6, 2.5, '3'] },
  },
  sample: {
    tensors: { logits: [[2, 5]], uniform: [[2]], recentIds: [[2, 3], 'i32'] },
    free: ['logits.1', 'recentIds.1'],
    wrong: {
      temperature: [-1, Number.NaN, Infinity, '1'],
      topK: [-1, 1.5, '1'],
      topP: [0, -0.5, 1.5, Number.NaN],
      minP: [-0.1, 1, Number.NaN],
      repetitionPenalty: [0, -1, Number.NaN],
      vocabulary: [0, 6, 2.5, '3'],
    },
  },
  selectiveScanBackward: {
    tensors: { ...scan, initialState: [[2, 4, 5]], dy: bld, dfinalState: [[2, 4, 5]] },
    wrong: scanFlags,
  },
  causalConv1dBackward: {
    tensors: { ...conv, initialState: [[2, 2, 4]], dy: bld, dfinalState: [[2, 2, 4]] },
    wrong: { activation: ['relu'], reverse: flag },
  },
  linearBackward: { tensors: { x: [[2, 4]], weight: [[3, 4]], dy: [[2, 3]] }, wrong: { bias: flag } },
  rmsNormBackward: {
    tensors: { ...norm, dy: [[2, 4]], dsum: [[2, 4]] },
    options: { groups: 2 },
    wrong: { eps: [0, -1], groups: positive },
  },
  crossEntropyBackward: {
    tensors: { logits: [[2, 5]], targets: [[2], 'i32'], dloss: [[2]] },
    free: ['logits.1'],
  },
  embeddingBackward: {
    tensors: { ids: [[2, 3], 'i32'], dy: [[2, 3, 4]] },
    options: { rows: 5 },
    free: ['dy.2'],
    wrong: { rows: [...positive, undefined] },
  },
};

let engine: Engine;
beforeEach(() => {
  engine = new Engine(createReferenceBackend());
});

const entries = Object.entries(table) as [Exclude<OpName, 'pack'>, Entry][];
/** The arguments that each op writes, from the call it makes. */
const isWritten = (op: OpName, name: string): boolean => name === 'state' || (op === 'copy' && name === 'to');

function make(op: OpName, name: string, [shape, dtype = 'f32']: Given): Tensor {
  return isWritten(op, name) ? engine.state(shape, dtype) : zeros(shape, dtype);
}

function argumentsOf(
  op: Exclude<OpName, 'pack'>,
  changed: Readonly<Record<string, Given>> = {},
): Record<string, unknown> {
  const { tensors, options } = table[op];
  const given = Object.entries({ ...tensors, ...changed });
  return { ...Object.fromEntries(given.map(([name, what]) => [name, make(op, name, what)])), ...options };
}

function disposeAll(args: object): void {
  for (const value of Object.values(args)) (value as Partial<Tensor> | undefined)?.dispose?.();
}

/** Calls, expects one coded error that names the op, and nothing allocated by the attempt. */
function refused(op: OpName, args: Record<string, unknown>, code: unknown): void {
  const before = engine.memory();
  let error: unknown;
  try {
    engine.call(op, args);
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toMatchObject({ name: 'SsError', code });
  expect((error as Error).message).toContain(op);
  expect(engine.memory()).toEqual(before);
  disposeAll(args);
}

type Mistake = readonly [what: string, args: () => Record<string, unknown>, code: unknown];

const shapeCodes = expect.stringMatching(/^(shape|group)-mismatch$/);
/** No op that computes takes these. */
const strange: DType = 'u8';

/** One thing wrong at a time, derived from the correct call. */
function* mistakes(op: Exclude<OpName, 'pack'>): Generator<Mistake> {
  const { tensors, free = [], anyDType = [], wrong = {} } = table[op];
  const other = new Engine(createReferenceBackend());
  for (const [name, [shape, dtype]] of Object.entries(tensors)) {
    const change =
      (to: Shape): (() => Record<string, unknown>) =>
      () =>
        argumentsOf(op, { [name]: [to, dtype ?? 'f32'] });
    const replace = (value: () => unknown) => () => ({ ...argumentsOf(op), [name]: value() });
    for (const axis of shape.keys()) {
      if (free.includes(`${name}.${axis}`)) continue;
      yield [`${name} with axis ${axis} longer`, change(shape.with(axis, shape[axis]! + 1)), shapeCodes];
      yield [`${name} with axis ${axis} empty`, change(shape.with(axis, 0)), shapeCodes];
    }
    if (!free.includes(`${name}.rank`))
      yield [`${name} with an axis more`, change([1, ...shape]), shapeCodes];
    if (!anyDType.includes(name)) {
      yield [
        `${name} of ${strange}`,
        () => argumentsOf(op, { [name]: [shape, strange] }),
        'dtype-unsupported',
      ];
    }
    yield [`${name} that is an array`, replace(() => [1, 2, 3]), 'argument-invalid'];
    yield [`${name} of another engine`, replace(() => other.zeros(shape, dtype)), 'tensor-foreign'];
    yield [
      `${name} disposed`,
      replace(() => disposed(make(op, name, [shape, dtype ?? 'f32']))),
      'tensor-disposed',
    ];
    if (isWritten(op, name)) {
      yield [`${name} that is no state`, replace(() => engine.zeros(shape)), 'state-required'];
      yield [`${name} in host memory`, replace(() => zeros(shape)), 'state-required'];
      const one = [1, ...shape.slice(1)];
      yield [
        `${name} broadcast`,
        replace(() => viewed(engine.state(one), (t) => t.broadcast(shape))),
        'argument-invalid',
      ];
    }
  }
  for (const name of ops[op].required) {
    yield [`no ${name}`, () => ({ ...argumentsOf(op), [name]: undefined }), 'argument-missing'];
  }
  for (const [name, values] of Object.entries(wrong)) {
    for (const value of values) {
      yield [`${name} ${String(value)}`, () => ({ ...argumentsOf(op), [name]: value }), 'argument-invalid'];
    }
  }
  yield ['an argument it does not have', () => ({ ...argumentsOf(op), nonsense: 1 }), 'argument-unknown'];
}

function disposed(tensor: Tensor): Tensor {
  tensor.dispose();
  return tensor;
}

function viewed(tensor: Tensor, view: (tensor: Tensor) => Tensor): Tensor {
  const result = view(tensor);
  tensor.dispose();
  return result;
}

test('the table has every op of the contract', () => {
  expect(Object.keys(table).toSorted()).toEqual(opNames.toSorted());
});

describe.each(entries)('%s', (op, { tensors, wrong = {} }) => {
  test('takes the correct call', () => {
    const args = argumentsOf(op);
    for (const output of Object.values(engine.call(op, args))) output.dispose();
    disposeAll(args);
    expect(engine.memory().storages).toBe(0);
  });

  test('the table has every argument', () => {
    const { required, optional, options } = ops[op];
    // These stand for or depend on one another, and have a table of their own below.
    const exclusive = ['initialState', 'state', 'cuSeqlens', 'stateIndices'];
    const expected = [...required, ...optional].filter(
      (name) => !exclusive.includes(name) || name in tensors,
    );
    expect(Object.keys(tensors).toSorted()).toEqual(expected.toSorted());
    expect(Object.keys(wrong).toSorted()).toEqual(Object.keys(options).toSorted());
  });

  test.each([...mistakes(op)])('refuses %s', (_what, args, code) => {
    refused(op, args(), code);
  });
});

const i32 = (...values: number[]): Tensor => tensor(new Int32Array(values));
const complex = (): Record<'A' | 'B' | 'C', Tensor> => ({
  A: zeros([4, 5], 'complex64'),
  B: zeros([4, 5], 'complex64'),
  C: zeros([4, 5], 'complex64'),
});

/** What only goes wrong between arguments. */
const together: readonly [op: Exclude<OpName, 'pack'>, what: string, change: () => object, code: string][] = [
  ['selectiveScan', 'state and initialState', () => ({ initialState: zeros([2, 4, 5]) }), 'argument-invalid'],
  ['selectiveScan', 'state and finalState', () => ({ finalState: true }), 'argument-invalid'],
  ['selectiveScan', 'groups that do not divide the channels', () => groups(3), 'group-mismatch'],
  ['selectiveScan', 'B and C of different groups', () => ({ B: zeros([2, 3, 4, 5]) }), 'shape-mismatch'],
  [
    'selectiveScan',
    'bf16 delta with f32 u',
    () => ({ delta: zeros([2, 3, 4], 'bf16') }),
    'dtype-unsupported',
  ],
  ['selectiveScan', 'bf16 A', () => ({ A: zeros([4, 5], 'bf16') }), 'dtype-unsupported'],
  ['selectiveScan', 'complex A with real B', () => ({ A: complex().A }), 'dtype-unsupported'],
  ['selectiveScan', 'complex A with a real state', complex, 'dtype-unsupported'],
  [
    'selectiveScan',
    'an f64 state with f32 u',
    () => ({ state: engine.state([2, 4, 5], 'f64') }),
    'dtype-unsupported',
  ],
  ['selectiveScan', 'cuSeqlens for a batch of two', () => ({ cuSeqlens: i32(0, 3) }), 'shape-mismatch'],
  ['selectiveScan', 'float cuSeqlens', () => ({ cuSeqlens: tensor([0, 3]) }), 'dtype-unsupported'],
  ['selectiveScan', 'stateIndices of another batch', () => ({ stateIndices: i32(0) }), 'shape-mismatch'],
  [
    'selectiveScan',
    'stateIndices without states',
    () => ({ state: undefined, stateIndices: i32(0, 1) }),
    'argument-invalid',
  ],
  [
    'selectiveScan',
    'u that is the state',
    () => shared([2, 4, 4], [2, 4, 4], 'u', 'state'),
    'shape-mismatch',
  ],
  ['causalConv1d', 'no steps', () => ({ x: zeros([2, 0, 4]) }), 'shape-mismatch'],
  ['causalConv1d', 'state and initialState', () => ({ initialState: zeros([2, 2, 4]) }), 'argument-invalid'],
  ['causalConv1d', 'state and finalState', () => ({ finalState: true }), 'argument-invalid'],
  [
    'causalConv1d',
    'a bf16 state with f32 x',
    () => ({ state: engine.state([2, 2, 4], 'bf16') }),
    'dtype-unsupported',
  ],
  ['causalConv1d', 'an empty cuSeqlens', () => ({ ...packed(), cuSeqlens: i32(0) }), 'shape-mismatch'],
  ['causalConv1d', 'states of another number of sequences', () => packed(1), 'shape-mismatch'],
  [
    'causalConv1dUpdate',
    'x that is in the state',
    () => shared([2, 2, 4], [2, 2, 4], 'x', 'state'),
    'argument-invalid',
  ],
  [
    'selectiveStateUpdate',
    'groups that do not divide the heads',
    () => ({ B: zeros([2, 3, 5]), C: zeros([2, 3, 5]) }),
    'group-mismatch',
  ],
  ['rmsNorm', 'groups that do not divide the channels', () => ({ groups: 3 }), 'group-mismatch'],
  ['rmsNorm', 'a bf16 residual with f32 x', () => ({ residual: zeros([2, 4], 'bf16') }), 'dtype-unsupported'],
  ['rmsNormBackward', 'dsum without a residual', () => ({ residual: undefined }), 'argument-invalid'],
  ['linear', 'a bf16 residual with f32 x', () => ({ residual: zeros([2, 3], 'bf16') }), 'dtype-unsupported'],
  ['add', 'two dtypes', () => ({ b: zeros([2, 3], 'f64') }), 'dtype-unsupported'],
  ['copy', 'real to complex', () => ({ to: undefined, dtype: 'complex64' }), 'dtype-unsupported'],
  ['copy', 'a state onto itself', () => shared([2, 3], [2, 3], 'x', 'to'), 'argument-invalid'],
];

function groups(count: number): object {
  return { B: zeros([2, 3, count, 5]), C: zeros([2, 3, count, 5]) };
}

/** Two sequences in one row, and states for so many. */
function packed(states = 2): object {
  return { x: zeros([1, 3, 4]), state: engine.state([states, 2, 4]), cuSeqlens: i32(0, 1, 3) };
}

/** Two arguments that are views of one state. */
function shared(first: Shape, second: Shape, a: string, b: string): object {
  const both = engine.state(first);
  const view = a === 'x' && b === 'state' ? both.select(1, 0) : both.alias();
  return { [a]: view, [b]: viewed(both, (t) => t.reshape(second)) };
}

test.each(together)('%s refuses %s', (op, _what, change, code) => {
  const args = argumentsOf(op);
  const changes = change() as Record<string, unknown>;
  for (const name of Object.keys(changes)) disposeAll({ old: args[name] });
  refused(op, { ...args, ...changes }, code);
  expect(engine.memory().storages).toBe(0);
});

test('two halves of one state that do not touch may be argument and result', async () => {
  const both = engine.state([2, 3]);
  engine.assign(both.select(0, 0), tensor([1, 2, 3]));
  engine.assign(both.select(0, 1), both.select(0, 0));
  expect(await both.read()).toEqual(new Float32Array([1, 2, 3, 1, 2, 3]));
});

describe('packed weights', () => {
  const packing = { format: 'slow-rows', byteLength: 48 };
  const slow = new Engine(
    new SlowBackend({ packing: () => packing, ops: ['linear', 'pack', 'silu', 'copy'] }),
  );
  const weight = tensor(
    Float32Array.from({ length: 12 }, (_, i) => i),
    [3, 4],
  );

  test('go where a contract says so, and nowhere else', async () => {
    using w = slow.pack(weight);
    expect(w).toMatchObject({ format: 'slow-rows', shape: [3, 4], dtype: 'f32' });
    using y = slow.linear({ x: tensor([1, 0, 0, 0], [1, 4]), weight: w });
    expect(await y.read()).toEqual(new Float32Array([0, 4, 8]));
    const packedError = expect.objectContaining({ code: 'tensor-packed' });
    expect(() => slow.silu({ x: w })).toThrow(packedError);
    expect(() => slow.linear({ x: w, weight: w })).toThrow(packedError);
    expect(() => w.slice(0, 1)).toThrow(packedError);
    await expect(w.read()).rejects.toThrow(packedError);
    expect(() => slow.pack(w)).toThrow(/packed already/);
  });

  test('are matrices of this engine', () => {
    const before = slow.memory().storages;
    expect(() => slow.pack(zeros([3]))).toThrow(expect.objectContaining({ code: 'shape-mismatch' }));
    expect(() => slow.pack(zeros([3, 3], 'i32'))).toThrow(
      expect.objectContaining({ code: 'dtype-unsupported' }),
    );
    expect(() => slow.pack(engine.zeros([3, 3]))).toThrow(
      expect.objectContaining({ code: 'tensor-foreign' }),
    );
    expect(() => slow.call('pack', { weight })).toThrow(/engine\.pack/);
    expect(() => slow.pack(weight, 'i4' as 'i8')).toThrow(
      expect.objectContaining({ code: 'argument-invalid' }),
    );
    expect(slow.memory().storages).toBe(before);
  });

  test('are dense copies where the backend has no form of its own', async () => {
    const plain = new Engine(new SlowBackend());
    using w = plain.pack(weight.permute(1, 0));
    expect(w).toMatchObject({ format: undefined, contiguous: true, shape: [4, 3] });
    expect(await w.read()).toEqual(await weight.permute(1, 0).read());
    expect(plain.memory().storages).toBe(1);
    expect(() => plain.pack(weight, 'i8')).toThrow(/slow cannot store weights as i8\. Pack them/);
    expect(plain.memory().storages).toBe(1);
  });
});
