import { expect, test } from 'vitest';
import { Engine } from '../engine/engine.ts';
import { tensor } from '../host.ts';
import type { OpName } from '../ops/op.ts';
import type { Shape } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { createReferenceBackend } from './index.ts';

const engine = new Engine(createReferenceBackend());

/** Deterministic numbers in (-1, 1), different for every seed. */
function noise(shape: Shape, seed: number): Float64Array {
  let state = seed * 2654435761;
  return Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

interface Case {
  readonly op: OpName;
  readonly inputs: Readonly<Record<string, Shape>>;
  readonly options?: object;
  /** integer arguments and the like */
  readonly fixed?: Readonly<Record<string, Tensor>>;
  readonly backwardOptions?: object;
  /** gradients that are a cotangent itself are not returned */
  readonly without?: readonly string[];
  /** backward arguments that are forward inputs; default all */
  readonly backwardInputs?: readonly string[];
}

const ids = tensor(new Int32Array([2, 0, 2]), [3]);
const scan = { u: [2, 5, 4], delta: [2, 5, 4], A: [4, 3], B: [2, 5, 2, 3], C: [2, 5, 3] };
/** Sequences of 2, 0 and 3 steps in one row; the second and third start from rows 0 and 3 of a pool of 4, the first is padding. */
const packed = {
  cuSeqlens: tensor(new Int32Array([0, 2, 2, 5]), [4]),
  stateIndices: tensor(new Int32Array([-1, 0, 3]), [3]),
};
const cases: Record<string, Case> = {
  'selectiveScan, packed': {
    op: 'selectiveScan',
    inputs: {
      u: [1, 5, 4],
      delta: [1, 5, 4],
      A: [4, 3],
      B: [1, 5, 2, 3],
      C: [1, 5, 3],
      z: [1, 5, 4],
      initialState: [4, 4, 3],
    },
    options: { softplus: true },
    fixed: packed,
  },
  'causalConv1d, packed': {
    op: 'causalConv1d',
    inputs: { x: [1, 5, 3], weight: [3, 4], bias: [3], initialState: [4, 3, 3] },
    options: { activation: 'silu' },
    fixed: packed,
  },
  'selectiveScan, everything': {
    op: 'selectiveScan',
    inputs: { ...scan, D: [4], z: [2, 5, 4], deltaBias: [4], initialState: [2, 4, 3] },
    options: { softplus: true },
  },
  'selectiveScan, constant B and C, reverse': {
    op: 'selectiveScan',
    inputs: { ...scan, B: [4, 3], C: [4, 3] },
    options: { reverse: true },
  },
  'causalConv1d, everything': {
    op: 'causalConv1d',
    inputs: { x: [2, 5, 3], weight: [3, 4], bias: [3], initialState: [2, 3, 3] },
    options: { activation: 'silu' },
  },
  'causalConv1d, sequence shorter than the window': {
    op: 'causalConv1d',
    inputs: { x: [1, 2, 3], weight: [3, 4], initialState: [1, 3, 3] },
  },
  'causalConv1d, reverse': {
    op: 'causalConv1d',
    inputs: { x: [2, 5, 3], weight: [3, 2], bias: [3] },
    options: { reverse: true, activation: 'silu' },
  },
  linear: {
    op: 'linear',
    inputs: { x: [2, 3, 4], weight: [5, 4], bias: [5] },
    backwardInputs: ['x', 'weight'],
    backwardOptions: { bias: true },
  },
  'rmsNorm, everything': {
    op: 'rmsNorm',
    inputs: { x: [3, 6], weight: [6], residual: [3, 6], gate: [3, 6] },
    options: { groups: 2 },
  },
  'rmsNorm, bare': { op: 'rmsNorm', inputs: { x: [3, 6] } },
  crossEntropy: {
    op: 'crossEntropy',
    inputs: { logits: [3, 4] },
    fixed: { targets: tensor(new Int32Array([1, -1, 3]), [3]) },
  },
  embedding: {
    op: 'embedding',
    inputs: { weight: [4, 2] },
    options: { dtype: 'f64' },
    fixed: { ids },
    backwardInputs: [],
    backwardOptions: { rows: 4 },
  },
};

test.each(Object.entries(cases))(
  '%s: gradients equal central differences',
  async (_name, { op, inputs, options = {}, fixed = {}, backwardInputs, backwardOptions = {} }) => {
    const values = Object.fromEntries(
      Object.entries(inputs).map(([name, shape], i) => [name, noise(shape, i + 1)]),
    );
    const host = (name: string): Tensor => tensor(values[name]!, inputs[name], 'f64');
    const args = (): object => ({
      ...Object.fromEntries(Object.keys(inputs).map((name) => [name, host(name)])),
      ...fixed,
    });
    const final = op === 'selectiveScan' || op === 'causalConv1d' ? { finalState: true } : {};
    const run = async (): Promise<Record<string, Float64Array>> => {
      const out = engine.call(op, { ...args(), ...options, ...final });
      const read = await Promise.all(
        Object.entries(out).map(
          async ([name, t]) => [name, Float64Array.from((await t.read()) as Float64Array)] as const,
        ),
      );
      return Object.fromEntries(read);
    };

    const shapes = Object.fromEntries(
      Object.entries(engine.call(op, { ...args(), ...options, ...final })).map(([name, t]) => [
        name,
        t.shape,
      ]),
    );
    const cotangents = Object.fromEntries(
      Object.entries(shapes).map(([name, shape], i) => [name, noise(shape, 100 + i)]),
    );
    const loss = async (): Promise<number> => {
      let sum = 0;
      for (const [name, out] of Object.entries(await run()))
        out.forEach((value, i) => (sum += value * cotangents[name]![i]!));
      return sum;
    };

    const given = Object.fromEntries(
      (backwardInputs ?? Object.keys(inputs)).map((name) => [name, host(name)]),
    );
    const gradients = engine.call(`${op}Backward` as OpName, {
      ...given,
      ...fixed,
      ...Object.fromEntries(
        Object.entries(cotangents).map(([name, data]) => [`d${name}`, tensor(data, shapes[name], 'f64')]),
      ),
      ...(op === 'embedding' || op === 'linear' ? {} : options),
      ...backwardOptions,
    });
    expect(Object.keys(gradients).toSorted()).toEqual(
      Object.keys(inputs)
        .map((name) => `d${name}`)
        .toSorted(),
    );
    for (const [name, data] of Object.entries(values)) {
      const analytic = await gradients[`d${name}`]!.read();
      for (let i = 0; i < data.length; i++) {
        const x = data[i]!;
        const step = 1e-5;
        data[i] = x + step;
        const above = await loss();
        data[i] = x - step;
        const below = await loss();
        data[i] = x;
        const numeric = (above - below) / (2 * step);
        expect(Math.abs(Number(analytic[i]) - numeric), `d${name}[${i}]`).toBeLessThan(
          1e-8 + 1e-7 * Math.abs(numeric),
        );
      }
    }
  },
);
