import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Engine } from '../engine/engine.ts';
import { tensor } from '../host.ts';
import type { Tensor } from '../tensor.ts';
import { noise } from '../../test/noise.ts';
import { createReferenceBackend } from './index.ts';

const engine = new Engine(createReferenceBackend());
const [D, N, W] = [3, 4, 4];
const f64 = (shape: readonly number[], seed: number): Tensor => tensor(noise(shape, seed), shape, 'f64');
const i32 = (...values: number[]): Tensor => tensor(new Int32Array(values));
const weights = { A: f64([D, N], 1), D: f64([D], 2), deltaBias: f64([D], 3), softplus: true };
const filter = { weight: f64([D, W], 4), bias: f64([D], 5), activation: 'silu' } as const;

function sequence(B: number, L: number): Record<'u' | 'delta' | 'B' | 'C' | 'z', Tensor> {
  const bld = [B, L, D];
  const bln = [B, L, N];
  return { u: f64(bld, 6), delta: f64(bld, 7), B: f64(bln, 8), C: f64(bln, 9), z: f64(bld, 10) };
}

/** The same steps of every tensor of a sequence. */
function steps<T extends Record<string, Tensor>>(all: T, from: number, to: number): T {
  return Object.fromEntries(Object.entries(all).map(([name, t]) => [name, t.slice(1, from, to)])) as T;
}

async function read(...tensors: Tensor[]): Promise<number[][]> {
  return Promise.all(tensors.map(async (t) => Array.from((await t.read()) as Float64Array)));
}

/** Rows of y for steps cut at `cuts`, one after the other. */
async function joined(B: number, parts: readonly Tensor[]): Promise<number[]> {
  const rows = await Promise.all(
    Array.from({ length: B }, async (_, b) => (await read(...parts.map((y) => y.select(0, b)))).flat()),
  );
  return rows.flat();
}

const cutSequences = fc
  .tuple(fc.integer({ min: 1, max: 12 }), fc.array(fc.integer({ min: 1, max: 11 }), { maxLength: 4 }))
  .map(
    ([L, cuts]) => [L, [0, ...new Set(cuts.filter((cut) => cut < L).toSorted((a, b) => a - b)), L]] as const,
  );

describe('f64 states', () => {
  test('any chunking of a scan, carried in a state, has the same bits as the whole', async () => {
    await fc.assert(
      fc.asyncProperty(cutSequences, async ([L, cuts]) => {
        const all = sequence(2, L);
        const whole = engine.selectiveScan({ ...weights, ...all, finalState: true });
        const state = engine.state([2, D, N], 'f64');
        const parts = cuts
          .slice(1)
          .map((to, i) => engine.selectiveScan({ ...weights, ...steps(all, cuts[i]!, to), state }).y);
        expect(await joined(2, parts)).toEqual((await read(whole.y))[0]);
        expect(await read(state)).toEqual(await read(whole.finalState));
      }),
      { numRuns: 50 },
    );
  });

  test('a scan is single steps, bit by bit', async () => {
    const L = 6;
    const { u, delta, B, C, z } = sequence(2, L);
    const whole = engine.selectiveScan({ ...weights, u, delta, B, C, z, finalState: true });
    const state = engine.state([2, D, N], 'f64');
    for (let t = 0; t < L; t++) {
      const at = (all: Tensor): Tensor => all.select(1, t);
      const y = engine.selectiveStateUpdate({
        state,
        x: at(u),
        dt: at(delta),
        A: weights.A,
        B: at(B),
        C: at(C),
        D: weights.D,
        z: at(z),
        dtBias: weights.deltaBias,
        softplus: true,
      });
      expect(await read(y)).toEqual(await read(whole.y.select(1, t)));
    }
    expect(await read(state)).toEqual(await read(whole.finalState));
  });
});

test('any chunking of a convolution, and single steps, have the same bits as the whole', async () => {
  await fc.assert(
    fc.asyncProperty(cutSequences, async ([L, cuts]) => {
      const x = f64([2, L, D], 11);
      const initial = f64([2, W - 1, D], 12);
      const whole = engine.causalConv1d({ ...filter, x, initialState: initial, finalState: true });
      const state = engine.state([2, W - 1, D], 'f64');
      engine.assign(state, initial);
      const parts = cuts
        .slice(1)
        .map((to, i) => engine.causalConv1d({ ...filter, x: x.slice(1, cuts[i]!, to), state }).y);
      expect(await joined(2, parts)).toEqual((await read(whole.y))[0]);
      expect(await read(state)).toEqual(await read(whole.finalState));

      engine.assign(state, initial);
      const single = Array.from({ length: L }, (_, t) =>
        engine.causalConv1dUpdate({ ...filter, x: x.select(1, t), state }).unsqueeze(1),
      );
      expect(await joined(2, single)).toEqual((await read(whole.y))[0]);
      expect(await read(state)).toEqual(await read(whole.finalState));
    }),
    { numRuns: 50 },
  );
});

test('reverse is the sequence backwards, and so are the results', async () => {
  const all = sequence(2, 5);
  const backwards = Object.fromEntries(
    Object.entries(all).map(([name, t]) => [name, t.reverse(1)]),
  ) as typeof all;
  const a = engine.selectiveScan({ ...weights, ...all, reverse: true, finalState: true });
  const b = engine.selectiveScan({ ...weights, ...backwards, finalState: true });
  expect(await read(a.y, a.finalState)).toEqual(await read(b.y.reverse(1), b.finalState));
  const c = engine.causalConv1d({ ...filter, x: all.u, reverse: true, finalState: true });
  const d = engine.causalConv1d({ ...filter, x: backwards.u, finalState: true });
  expect(await read(c.y, c.finalState)).toEqual(await read(d.y.reverse(1), d.finalState));
});

test('sequences packed into a row are as they are alone', async () => {
  const all = sequence(1, 9);
  const ends = [0, 4, 4, 9];
  const initialState = f64([3, D, N], 13);
  const history = f64([3, W - 1, D], 14);
  const cuSeqlens = i32(...ends);
  const scan = engine.selectiveScan({ ...weights, ...all, cuSeqlens, initialState, finalState: true });
  const conv = engine.causalConv1d({
    ...filter,
    x: all.u,
    cuSeqlens,
    initialState: history,
    finalState: true,
  });
  for (const s of [0, 2]) {
    const own = steps(all, ends[s]!, ends[s + 1]!);
    const row = (t: Tensor): Tensor => t.slice(0, s, s + 1);
    const scanAlone = engine.selectiveScan({
      ...weights,
      ...own,
      initialState: row(initialState),
      finalState: true,
    });
    const convAlone = engine.causalConv1d({
      ...filter,
      x: own.u,
      initialState: row(history),
      finalState: true,
    });
    expect(await read(steps({ y: scan.y }, ends[s]!, ends[s + 1]!).y, row(scan.finalState))).toEqual(
      await read(scanAlone.y, scanAlone.finalState),
    );
    expect(await read(steps({ y: conv.y }, ends[s]!, ends[s + 1]!).y, row(conv.finalState))).toEqual(
      await read(convAlone.y, convAlone.finalState),
    );
  }
  // The empty sequence keeps its states.
  expect(await read(scan.finalState.select(0, 1))).toEqual(await read(initialState.select(0, 1)));
  expect(await read(conv.finalState.select(0, 1))).toEqual(await read(history.select(0, 1)));
});

test('state indices choose rows of a pool; padding gives zeros and touches nothing', async () => {
  const all = sequence(3, 4);
  const contents = f64([5, D, N], 15);
  const pool = engine.state([5, D, N], 'f64');
  engine.assign(pool, contents);
  const { y } = engine.selectiveScan({ ...weights, ...all, state: pool, stateIndices: i32(3, -1, 0) });
  const slot = [3, undefined, 0];
  for (const [b, from] of slot.entries()) {
    if (from === undefined) {
      expect(await read(y.select(0, b))).toEqual([new Array<number>(4 * D).fill(0)]);
      continue;
    }
    const own = Object.fromEntries(
      Object.entries(all).map(([name, t]) => [name, t.slice(0, b, b + 1)]),
    ) as typeof all;
    const initialState = contents.slice(0, from, from + 1);
    const alone = engine.selectiveScan({ ...weights, ...own, initialState, finalState: true });
    expect(await read(y.select(0, b), pool.select(0, from))).toEqual(await read(alone.y, alone.finalState));
  }
  for (const untouched of [1, 2, 4]) {
    expect(await read(pool.select(0, untouched))).toEqual(await read(contents.select(0, untouched)));
  }
});

const wrongIndices: readonly [what: string, change: object, message: RegExp][] = [
  ['that does not start at 0', { cuSeqlens: i32(1, 2, 4) }, /go from 1 to 4, not from 0 to 4/],
  ['that does not end at L', { cuSeqlens: i32(0, 2, 3) }, /go from 0 to 3, not from 0 to 4/],
  ['that decreases', { cuSeqlens: i32(0, 5, 4) }, /decrease at entry 2/],
  ['past the pool', { stateIndices: i32(2) }, /stateIndices\[0\] is 2, but there are 2 states/],
];

test.each(wrongIndices)('an index %s fails when it runs, and says so', async (_what, change, message) => {
  const initialState = f64([2, D, N], 16);
  const { y } = engine.selectiveScan({
    ...weights,
    ...sequence(1, 4),
    initialState,
    stateIndices: i32(0),
    ...onDevice(stateRows(change)),
  });
  await expect(y.read()).rejects.toThrow(message);
  await expect(engine.sync()).rejects.toMatchObject({ code: 'execution-failed' });
});

test.each(wrongIndices)(
  'an index %s is refused at once where the host knows it',
  (_what, change, message) => {
    const initialState = f64([2, D, N], 16);
    const args = { ...weights, ...sequence(1, 4), initialState, stateIndices: i32(0), ...stateRows(change) };
    expect(() => engine.selectiveScan(args)).toThrow(
      expect.objectContaining({
        code: 'argument-invalid',
        message: expect.stringMatching(message) as string,
      }) as Error,
    );
  },
);

/** What the engine cannot look at. */
function onDevice(tensors: object): object {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, t]: [string, Tensor | undefined]) => [name, t && engine.upload(t)]),
  );
}

/** Packed calls have a state for each sequence. */
function stateRows(change: object): object {
  return 'cuSeqlens' in change ? { ...change, stateIndices: undefined } : change;
}

test('a state that is written may not be named twice', async () => {
  const state = engine.state([2, D, N], 'f64');
  const args = { ...weights, ...sequence(2, 1), state };
  expect(() => engine.selectiveScan({ ...args, stateIndices: i32(1, 1) })).toThrow(
    expect.objectContaining({ code: 'argument-invalid' }) as Error,
  );
  const { y } = engine.selectiveScan({ ...args, stateIndices: engine.upload(i32(1, 1)) });
  await expect(y.read()).rejects.toThrow(/name the state 1, which is written, twice/);
  await expect(state.read()).rejects.toThrow(/no longer valid/);
  await engine.sync().catch(() => undefined);
});

test('states and time steps at the edges of float64 stay finite', async () => {
  const extremes = [-800, -100, 0, 100, 800];
  const delta = tensor(extremes, [1, extremes.length, 1], 'f64');
  const ones = tensor(
    extremes.map(() => 1),
    [1, extremes.length, 1],
    'f64',
  );
  const args = {
    u: ones,
    delta,
    A: tensor([-16], [1, 1], 'f64'),
    B: ones,
    C: ones,
    z: delta,
    softplus: true,
  };
  const { y, finalState } = engine.selectiveScan({ ...args, finalState: true });
  const [values, states] = await read(y, finalState);
  expect([...values!, ...states!].every(Number.isFinite)).toBe(true);
  // softplus(-800) is 0: nothing enters; softplus(800) is 800: exp(-16 * 800) is 0 and 800 enters.
  expect(states).toEqual([800]);
  expect(Math.abs(values![0]!)).toBe(0);
});
