import { createRegistry, decode, encode, tensor } from '@ss/core';
import type { DType, FloatDType, OpName, Shape, Tensor } from '@ss/core';
import { Engine, ops } from '@ss/core/engine';
import { createReferenceBackend } from '@ss/core/reference';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { wasm } from './index.ts';

const reference = new Engine(createReferenceBackend());
const threadCounts = [1, 3] as const;
let engines: Engine[];

beforeAll(async () => {
  engines = await Promise.all(
    threadCounts.map((threads) =>
      createRegistry([wasm({ threads, mode: 'inline' })]).select({ require: 'wasm' }),
    ),
  );
});
afterAll(async () => {
  for (const engine of engines) {
    expect(engine.memory()).toMatchObject({ storages: 0, liveBytes: 0, liveBuffers: 0 });
    await engine.dispose();
  }
});

/** Deterministic numbers in (-1, 1), rounded to the storage dtype by the tensor they go into. */
function noise(shape: Shape, seed: number): Float64Array {
  let state = (seed + 1) * 2654435761;
  return Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

interface Case {
  readonly op: OpName;
  readonly inputs: Readonly<Record<string, Shape>>;
  readonly options?: object;
  readonly ids?: Readonly<Record<string, readonly number[]>>;
}

const scan = (B: number, L: number, D: number, N: number) => ({
  u: [B, L, D],
  delta: [B, L, D],
  A: [D, N],
  dy: [B, L, D],
});
const packed = { cuSeqlens: [0, 2, 2, 70, 75], stateIndices: [3, -1, 0, 1] };
const cases: Record<string, Case> = {
  'scan with everything': {
    op: 'selectiveScanBackward',
    inputs: {
      ...scan(2, 70, 37, 5),
      B: [2, 70, 5],
      C: [2, 70, 5],
      D: [37],
      z: [2, 70, 37],
      deltaBias: [37],
      initialState: [2, 37, 5],
      dfinalState: [2, 37, 5],
    },
    options: { softplus: true },
  },
  'scan of groups, backwards in time': {
    op: 'selectiveScanBackward',
    inputs: { ...scan(1, 130, 48, 16), B: [1, 130, 4, 16], C: [1, 130, 16] },
    options: { reverse: true },
  },
  'scan with constant B and C': {
    op: 'selectiveScanBackward',
    inputs: { ...scan(3, 5, 20, 4), B: [20, 4], C: [20, 4], z: [3, 5, 20] },
    options: { softplus: true },
  },
  'scan with constant B': {
    op: 'selectiveScanBackward',
    inputs: { ...scan(1, 65, 8, 3), B: [8, 3], C: [1, 65, 2, 3] },
  },
  'scan of one step': {
    op: 'selectiveScanBackward',
    inputs: { ...scan(1, 1, 1, 1), B: [1, 1, 1], C: [1, 1, 1] },
  },
  'packed scan': {
    op: 'selectiveScanBackward',
    inputs: {
      ...scan(1, 75, 13, 4),
      B: [1, 75, 4],
      C: [1, 75, 4],
      initialState: [4, 13, 4],
      dfinalState: [4, 13, 4],
    },
    ids: packed,
  },
  'conv with everything': {
    op: 'causalConv1dBackward',
    inputs: {
      x: [2, 70, 37],
      weight: [37, 4],
      bias: [37],
      dy: [2, 70, 37],
      initialState: [2, 3, 37],
      dfinalState: [2, 3, 37],
    },
    options: { activation: 'silu' },
  },
  'conv backwards in time': {
    op: 'causalConv1dBackward',
    inputs: { x: [1, 9, 8], weight: [8, 3], dy: [1, 9, 8] },
    options: { reverse: true },
  },
  'conv longer than the sequence': {
    op: 'causalConv1dBackward',
    inputs: { x: [2, 2, 5], weight: [5, 4], dy: [2, 2, 5], initialState: [2, 3, 5] },
  },
  'packed conv': {
    op: 'causalConv1dBackward',
    inputs: { x: [1, 75, 13], weight: [13, 4], dy: [1, 75, 13], initialState: [4, 3, 13] },
    ids: packed,
  },
  linear: {
    op: 'linearBackward',
    inputs: { x: [3, 7, 13], weight: [11, 13], dy: [3, 7, 11] },
    options: { bias: true },
  },
  'linear of many rows': { op: 'linearBackward', inputs: { x: [150, 40], weight: [70, 40], dy: [150, 70] } },
  'norm with everything': {
    op: 'rmsNormBackward',
    inputs: { x: [19, 30], weight: [30], residual: [19, 30], gate: [19, 30], dy: [19, 30], dsum: [19, 30] },
    options: { groups: 3 },
  },
  'bare norm': { op: 'rmsNormBackward', inputs: { x: [2, 3, 7], dy: [2, 3, 7] } },
  'cross entropy': {
    op: 'crossEntropyBackward',
    inputs: { logits: [4, 37], dloss: [4] },
    ids: { targets: [0, -1, 36, 5] },
  },
  embedding: {
    op: 'embeddingBackward',
    inputs: { dy: [6, 70] },
    options: { rows: 9 },
    ids: { ids: [8, 0, 3, 3, 8, 1] },
  },
};

describe.each(['f32', 'f16', 'bf16'] as const)('gradients of %s', (dtype) => {
  test.each(Object.entries(cases))('%s', async (_name, { op, inputs, options = {}, ids = {} }) => {
    const args = (exact: boolean): Record<string, Tensor> => ({
      ...Object.fromEntries(
        Object.entries(inputs).map(([name, shape], i) => {
          // A negative dt A keeps the states from growing beyond what f16 can hold.
          const sign = { A: -1, delta: 1 }[name];
          const values = noise(shape, i).map((v) => (sign ? sign * Math.abs(v) : v));
          const stored = storedAs(op, name, shape, dtype);
          return [
            name,
            exact
              ? tensor(decode(encode(values, stored), stored), shape, 'f64')
              : tensor(values, shape, stored),
          ];
        }),
      ),
      ...Object.fromEntries(
        Object.entries(ids).map(([name, values]) => [name, tensor(Int32Array.from(values), [values.length])]),
      ),
    });
    const expected = reference.call(op, { ...args(true), ...options });
    const runs = await Promise.all(
      engines.map(async (engine) => {
        const outputs = engine.call(op, { ...args(false), ...options });
        const read = await Promise.all(
          Object.entries(outputs).map(async ([name, t]) => [name, await t.read()] as const),
        );
        for (const output of Object.values(outputs)) output.dispose();
        return Object.fromEntries(read);
      }),
    );
    const { sizes } = engines[0]!.assess(op, { ...args(false), ...options }).call;
    for (const [name, gradient] of Object.entries(expected)) {
      const truth = (await gradient.read()) as Float64Array;
      const actual = runs[0]![name] as Float32Array;
      const { rtol, atol } = ops[op].tolerance(dtype, name, sizes);
      expect(actual.length).toBe(truth.length);
      const worst = truth.reduce(
        (most, value, i) => Math.max(most, Math.abs(actual[i]! - value) / (atol + rtol * Math.abs(value))),
        0,
      );
      expect(worst, name).toBeLessThanOrEqual(1);
      expect(runs[1]![name], `${name} with ${threadCounts[1]} threads`).toEqual(actual);
    }
  });
});

/** Parameters and the scan's states stay f32 when activations are narrow. */
function storedAs(op: OpName, name: string, shape: Shape, dtype: DType): FloatDType {
  const scanning = op === 'selectiveScanBackward';
  const parameters = scanning
    ? ['A', 'D', 'deltaBias', 'initialState', 'dfinalState']
    : op === 'linearBackward'
      ? []
      : ['weight', 'bias', 'dloss'];
  const constant = scanning && (name === 'B' || name === 'C') && shape.length === 2;
  return parameters.includes(name) || constant ? 'f32' : (dtype as FloatDType);
}
