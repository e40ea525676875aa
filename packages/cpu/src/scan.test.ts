import { SsError } from '@ss/core';
import type { Engine } from '@ss/core';
import { expect } from 'vitest';
import { nativeTest, open } from '../test/native.ts';

/** Neither a multiple of a vector of channels nor of a tile of steps. */
const [L, D, N] = [41, 150, 18];

const numbers = (count: number, seed: number): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => Math.sin(i * 0.37 + seed) + 0.1 * Math.cos(i * 1.7));

interface Values {
  readonly u: Float32Array;
  readonly delta: Float32Array;
}

const ordinary: Values = { u: numbers(L * D, 1), delta: numbers(L * D, 2) };

/** A, B, C of every call here; the decays of A = -1 .. -N. */
function shared(engine: Engine, steps: number) {
  return {
    A: engine.tensor(
      Float32Array.from({ length: D * N }, (_, i) => -1 - (i % N)),
      [D, N],
    ),
    B: engine.tensor(numbers(steps * N, 3), [1, steps, N]),
    C: engine.tensor(numbers(steps * N, 4), [1, steps, N]),
    softplus: true,
  };
}

async function scan(engine: Engine, { u, delta }: Values): Promise<Float32Array> {
  const sequence = (values: Float32Array) => engine.tensor(values, [1, L, D]);
  const { y } = engine.selectiveScan({ u: sequence(u), delta: sequence(delta), ...shared(engine, L) });
  return Float32Array.from(await y.read());
}

function channel(y: Float32Array, c: number): Float32Array {
  return Float32Array.from({ length: L }, (_, t) => y[t * D + c]!);
}

nativeTest('what a neighbouring channel holds changes no bit, however far its decays are', async () => {
  await using engine = await open();
  const expected = await scan(engine, ordinary);
  for (const strange of [NaN, Infinity, 1e30, 1e6, 130, -1e30]) {
    const delta = ordinary.delta.slice();
    for (let t = 0; t < L; t += 3) delta[t * D + 5] = strange;
    const y = await scan(engine, { ...ordinary, delta });
    for (let c = 0; c < D; c++) {
      if (c !== 5) expect(channel(y, c), `channel ${c} beside ${strange}`).toEqual(channel(expected, c));
    }
  }
});

nativeTest('scans and their gradients have the same bits on any number of threads', async () => {
  const results: Record<string, Float32Array>[] = [];
  for (const threads of [1, 2, 5]) {
    await using engine = await open({ threads });
    const args = {
      u: engine.tensor(ordinary.u, [1, L, D]),
      delta: engine.tensor(ordinary.delta, [1, L, D]),
      ...shared(engine, L),
    };
    const { y } = engine.selectiveScan(args);
    const gradients = engine.selectiveScanBackward({
      ...args,
      dy: engine.tensor(numbers(L * D, 6), [1, L, D]),
    });
    const read: Record<string, Float32Array> = { y: Float32Array.from(await y.read()) };
    for (const name of ['du', 'ddelta', 'dA', 'dB', 'dC'] as const)
      read[name] = Float32Array.from(await gradients[name].read());
    results.push(read);
  }
  expect(results[1]).toEqual(results[0]);
  expect(results[2]).toEqual(results[0]);
});

nativeTest('one step has the same bits whether its state lies as engines make it or row by row', async () => {
  await using engine = await open();
  const step = {
    u: engine.tensor(ordinary.u.subarray(0, D), [1, 1, D]),
    delta: engine.tensor(ordinary.delta.subarray(0, D), [1, 1, D]),
    ...shared(engine, 1),
    finalState: true as const,
  };
  const rows = engine.tensor(numbers(D * N, 5), [1, D, N]);
  const columns = engine.copy({ x: rows.permute(0, 2, 1) }).permute(0, 2, 1);
  const A = engine.copy({ x: step.A.permute(1, 0) }).permute(1, 0);
  const results = [
    engine.selectiveScan({ ...step, initialState: rows }),
    engine.selectiveScan({ ...step, initialState: columns, A }),
  ];
  const [expected, found] = await Promise.all(
    results.map(async ({ y, finalState }) => [await y.read(), await finalState.read()]),
  );
  expect(found).toEqual(expected);
});

nativeTest('a state that nothing feeds any more becomes zero, and no denormal on its way', async () => {
  await using engine = await open();
  const u = new Float32Array(L * D).fill(1, 0, D);
  for (const steps of [20, 30, 41]) {
    const sequence = (values: Float32Array) => engine.tensor(values.subarray(0, steps * D), [1, steps, D]);
    const { finalState } = engine.selectiveScan({
      u: sequence(u),
      delta: sequence(new Float32Array(L * D).fill(3)),
      ...shared(engine, steps),
      softplus: false,
      finalState: true,
    });
    for (const h of await finalState.read()) expect(h === 0 || Math.abs(h) >= 2 ** -126).toBe(true);
  }
});

nativeTest('sequences that start from the same state add their gradients to it', async () => {
  await using engine = await open();
  const cut = 17;
  const pool = engine.tensor(numbers(3 * D * N, 7), [3, D, N]);
  const args = {
    u: engine.tensor(ordinary.u, [1, L, D]),
    delta: engine.tensor(ordinary.delta, [1, L, D]),
    ...shared(engine, L),
    initialState: pool,
    cuSeqlens: engine.tensor(Int32Array.of(0, cut, L), [3]),
    dy: engine.tensor(numbers(L * D, 6), [1, L, D]),
  };
  const gradient = async (slots: readonly [number, number]): Promise<number[]> => {
    const stateIndices = engine.tensor(Int32Array.from(slots), [2]);
    const { dinitialState } = engine.selectiveScanBackward({ ...args, stateIndices });
    return Array.from((await dinitialState!.read()) as Float32Array);
  };
  const both = await gradient([1, 1]);
  // With the other one as padding, each alone.
  const [first, second] = [await gradient([1, -1]), await gradient([-1, 1])];
  expect(both).toEqual(first.map((x, i) => Math.fround(x + second[i]!)));
  expect(both.slice(0, D * N).every((x) => x === 0)).toBe(true);
  expect(both.slice(2 * D * N).every((x) => x === 0)).toBe(true);
});

nativeTest('a state that is written is not named twice', async () => {
  await using engine = await open();
  const { A } = shared(engine, 1);
  const two = (values: Float32Array) => engine.tensor(values.subarray(0, 2 * D), [2, D]);
  const projection = engine.tensor(numbers(2 * N, 3), [2, N]);
  const y = engine.selectiveStateUpdate({
    state: engine.state([4, D, N]),
    x: two(ordinary.u),
    dt: two(ordinary.delta),
    A,
    B: projection,
    C: projection,
    stateIndices: engine.tensor(Int32Array.of(3, 3), [2]),
  });
  const error = await y.read().then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!SsError.is(error, 'execution-failed')) throw new Error('It was not refused.', { cause: error });
  expect(`${error.message} ${String(error.cause)}`).toContain('state 3, which is written, twice');
});

nativeTest('lanes that belong to no channel add no NaN where B or C is infinite', async () => {
  await using engine = await open();
  const [step, state] = [20, 5];
  const ones = (...shape: readonly number[]) =>
    engine.tensor(new Float32Array(shape.reduce((a, b) => a * b)).fill(1), shape);
  for (const infinite of ['B', 'C'] as const) {
    const values = new Float32Array(L * N).fill(1);
    values[step * N + state] = Infinity;
    const gradients = engine.selectiveScanBackward({
      ...shared(engine, L),
      u: ones(1, L, D),
      delta: ones(1, L, D),
      dy: ones(1, L, D),
      B: ones(1, L, N),
      C: ones(1, L, N),
      [infinite]: engine.tensor(values, [1, L, N]),
    });
    // The state is infinite from the step on, its cotangent up to it.
    const isInfinite = { B: (t: number) => t <= step, C: (t: number) => t >= step };
    for (const name of ['B', 'C'] as const) {
      const read = Float32Array.from(await gradients[`d${name}`].read());
      const expected = (i: number) =>
        name !== infinite && i % N === state && isInfinite[name](Math.floor(i / N));
      read.forEach((x, i) => {
        if (expected(i) ? x !== Infinity : !Number.isFinite(x))
          throw new Error(`d${name} with an infinite ${infinite}: number ${i} is ${x}.`);
      });
    }
  }
});
