import { createRegistry, decode, encode, tensor } from '@ss/core';
import type { DType, FloatDType, Shape, Tensor } from '@ss/core';
import { Engine, ops } from '@ss/core/engine';
import { createReferenceBackend } from '@ss/core/reference';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { wasm } from './index.ts';

/*
 * mamba-mini scans by chunks of cumulative sums. Its own tests (test_selective_scan.py, test_selective_scan_easy.py)
 * pass here at their tolerances, which are those of the ops, and so does what its code gets wrong: a length of 1, one
 * step more than whole chunks, chunks of more than 128, B and C without groups, more than one sequence without the last
 * state, and the time steps of a real initialisation.
 */

const reference = new Engine(createReferenceBackend());
let engine: Engine;
beforeAll(async () => {
  engine = await createRegistry([wasm({ threads: 1, mode: 'inline' })]).select({ require: 'wasm' });
});
afterAll(() => engine.dispose());

interface Case {
  readonly L: number;
  readonly dtype?: FloatDType;
  readonly dim?: number;
  readonly N?: number;
  readonly groups?: number;
  readonly bias?: boolean;
  readonly softplus?: boolean;
  readonly D?: boolean;
  readonly z?: boolean;
  readonly lastState?: boolean;
  readonly data?: keyof typeof longest;
}

const both = [false, true];
/** The long ones, which take the reference a second each, with no option and with all; the kit's full tier has the rest. */
const grid: Case[] = [64, 128, 256, 512, 1024, 2048, 4096].flatMap((L) =>
  (['f32', 'f16', 'bf16'] as const).flatMap((dtype) =>
    both.flatMap((bias) =>
      both.flatMap((softplus) =>
        both.flatMap((D) =>
          [1, 2]
            .filter(() => L <= 512 || (bias === softplus && softplus === D))
            .map((groups) => ({ L, dtype, bias, softplus, D, groups })),
        ),
      ),
    ),
  ),
);
const easyGrid: Case[] = [64, 128, 256, 511, 512].flatMap((L) =>
  [1, 8].flatMap((N) =>
    [2, 3].flatMap((groups) =>
      both.map((all) => ({ L, dim: 18, N, groups, bias: all, softplus: all, D: all })),
    ),
  ),
);

describe('the grid of mamba-mini', () => {
  test.each([...new Set(grid.map(({ L }) => L))])('L %s', async (L) => {
    for (const one of grid.filter((row) => row.L === L)) await agrees(one);
  });
  test('with more groups and a single state', async () => {
    for (const one of easyGrid) await agrees(one);
  });
});

const all = { bias: true, softplus: true, D: true } as const;

test.each([1, 65, 129, 193])('a last chunk of one step: L %s', async (L) => {
  await agrees({ ...all, L });
  await agrees({ ...all, L, data: 'initial', N: 16 });
});

test('B and C without groups, and no last state, give every sequence its outputs', async () => {
  await agrees({ ...all, L: 130, groups: 0, lastState: false });
});

test.each(['initial', 'wild', 'steep'] as const)('time steps of a layer: %s', async (data) => {
  await agrees({ ...all, L: 300, N: 16, data });
  await agrees({ ...all, L: 300, N: 16, data, z: true });
  await agrees({ ...all, L: 300, N: 16, data, groups: 0 });
});

/** Every output and gradient within the op's tolerance of the reference in float64. */
async function agrees(one: Case): Promise<void> {
  const { dtype = 'f32', softplus = false, lastState = true } = one;
  const made = inputsOf(one);
  const args = (exact: boolean): Record<string, Tensor> =>
    Object.fromEntries(Object.entries(made).map(([name, make]) => [name, make(exact)]));
  for (const [op, names, options] of [
    ['selectiveScan', scanInputs, { softplus, finalState: lastState }],
    ['selectiveScanBackward', undefined, { softplus }],
  ] as const) {
    const pick = (exact: boolean): Record<string, unknown> => ({
      ...Object.fromEntries(
        Object.entries(args(exact)).filter(([name]) => names === undefined || names.includes(name)),
      ),
      ...options,
    });
    const expected = reference.call(op, pick(true));
    const actual = engine.call(op, pick(false));
    const { sizes } = engine.assess(op, pick(false)).call;
    for (const [name, output] of Object.entries(actual)) {
      const truth = (await expected[name]!.read()) as Float64Array;
      const { rtol, atol } = ops[op].tolerance(dtype, name, sizes);
      const worst = ((await output.read()) as Float32Array).reduce(
        (most, value, i) => Math.max(most, Math.abs(value - truth[i]!) / (atol + rtol * Math.abs(truth[i]!))),
        0,
      );
      expect(worst, `${name} of ${op}, ${JSON.stringify(one)}`).toBeLessThanOrEqual(1);
      output.dispose();
      expected[name]!.dispose();
    }
  }
}

const scanInputs: readonly string[] = ['u', 'delta', 'A', 'B', 'C', 'D', 'z', 'deltaBias'];

/** The longest time step of a layer whose A is -1 to -16; the peer's tests draw A from (-0.5, 0]. */
const longest = { theirs: 0, initial: 0.1, wild: 5, steep: 50 } as const;

function inputsOf({
  L,
  dtype = 'f32',
  dim = 24,
  N = 8,
  groups = 1,
  bias = false,
  D = false,
  z = false,
  data = 'theirs',
}: Case): Record<string, (exact: boolean) => Tensor> {
  let state = L + 7;
  const random = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const draw = (shape: Shape, stored: DType, value: (i: number) => number): ((exact: boolean) => Tensor) => {
    const values = Float64Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => value(i));
    return (exact) =>
      exact
        ? tensor(decode(encode(values, stored), stored), shape, 'f64')
        : tensor(values, shape, stored as FloatDType);
  };
  const real = data !== 'theirs';
  const shortest = 1e-3;
  const step = (): number => shortest * Math.exp(random() * Math.log(longest[data] / shortest));
  const projection: Shape = groups === 0 ? [2, L, N] : [2, L, groups, N];
  return {
    u: draw([2, L, dim], dtype, normal),
    delta: draw([2, L, dim], dtype, () => (real ? 0.1 * normal() : 0.5 * random())),
    A: draw([dim, N], 'f32', (i) => (real ? -1 - (i % N) : -0.5 * random())),
    B: draw(projection, dtype, normal),
    C: draw(projection, dtype, normal),
    dy: draw([2, L, dim], dtype, normal),
    ...(z && { z: draw([2, L, dim], dtype, normal) }),
    ...(D && { D: draw([dim], 'f32', normal) }),
    ...(bias && {
      deltaBias: draw([dim], 'f32', () => (real ? Math.log(Math.expm1(step())) : 0.5 * random())),
    }),
  };
}
