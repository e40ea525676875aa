import { encode, onTrace, tensor } from '@ss/core';
import type { Engine, TraceEvent } from '@ss/core';
import { describe, expect, test } from 'vitest';
import { naiveBlock } from '../test/naive-block.ts';
import type { Values } from '../test/naive-block.ts';
import { referenceEngine, subjects } from '../test/subjects.ts';
import { MambaBlock } from './block.ts';
import { mambaConfig } from './config.ts';
import type { MambaConfig, MambaOptions } from './config.ts';
import { initialBlock } from './initial.ts';
import { blockParameters, placeParameter } from './parameters.ts';
import type { BlockWeights } from './parameters.ts';
import { CounterRandom } from './random.ts';
import { disposeState, readState, writeState } from './state.ts';

const shapes: Readonly<Record<string, MambaOptions>> = {
  usual: { dModel: 12 },
  'with every bias': { dModel: 8, bias: true },
  'without any bias': { dModel: 8, convBias: false },
  'of odd sizes': { dModel: 7, dInner: 9, dState: 3, dConv: 2, dtRank: 1 },
  'with a wide convolution': { dModel: 4, dConv: 6 },
  'with normalised dt, B and C': { dModel: 8, selectionNormEps: 1e-6 },
};

/** Random values for every parameter, larger than initial ones, so that everything matters. */
function randomValues(config: MambaConfig): Values {
  const random = new CounterRandom(11);
  return Object.fromEntries(
    blockParameters(config).map(({ name, shape }) => [
      name,
      Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.uniform(-0.7, 0.7)),
    ]),
  );
}

function place(engine: Engine, config: MambaConfig, values: Values): MambaBlock {
  const weights = blockParameters(config).map((spec) => {
    const bytes = encode(values[spec.name]!, 'f32');
    return [spec.key, placeParameter(engine, spec, { dtype: 'f32', shape: spec.shape, bytes })] as const;
  });
  return new MambaBlock(engine, config, Object.fromEntries(weights) as unknown as BlockWeights);
}

function input(shape: readonly number[], seed = 1): Float32Array {
  const random = new CounterRandom(seed);
  return Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.normal());
}

function heard(listen: (events: TraceEvent[]) => void): TraceEvent[] {
  const events: TraceEvent[] = [];
  const stop = onTrace((event) => events.push(event));
  listen(events);
  stop();
  return events;
}

describe.for(subjects)('a block on $id', ({ open, missing }) => {
  test.for(Object.keys(shapes))('%s computes what the paper says', async (name, { skip }) => {
    if (missing !== undefined) skip(missing);
    const config = mambaConfig(shapes[name]!);
    const [L, K] = [9, config.dModel];
    await using engine = await open();
    const values = randomValues(config);
    using block = place(engine, config, values);
    const x = input([L, K]);
    const rows = Array.from({ length: L }, (_, t) => [...x.subarray(t * K, (t + 1) * K)]);
    const expected = naiveBlock(config, values, rows).flat();
    using y = block.forward(engine.tensor(x, [1, L, K]));
    const actual = (await y.read()) as Float32Array;
    // Sums of tens of products near 1, through two exponentials: some 1e-6 in f32.
    expected.forEach((value, i) => expect(actual[i]).toBeCloseTo(value, 4));
  });

  test('gives the same for a sequence at once, in chunks and step by step, and leaves the same state', async ({
    skip,
  }) => {
    if (missing !== undefined) skip(missing);
    await using engine = await open();
    const config = mambaConfig({ dModel: 16, dState: 5 });
    using block = initialBlock(engine, config, { seed: 2 });
    const [B, L, K] = [2, 11, 16];
    using x = engine.tensor(input([B, L, K]), [B, L, K]);

    const run = async (cuts: readonly number[]): Promise<{ y: number[]; state: unknown }> => {
      const state = block.createState(B);
      const parts: Float32Array[] = [];
      for (let i = 0; i + 1 < cuts.length; i++) {
        using part = x.slice(1, cuts[i]!, cuts[i + 1]!);
        using y = block.forward(part, state);
        parts.push((await y.read()) as Float32Array);
      }
      const result = { y: joined(parts, B), state: await readState(state) };
      disposeState(state);
      return result;
    };
    const steps = async (): Promise<{ y: number[]; state: unknown }> => {
      const state = block.createState(B);
      const parts: Float32Array[] = [];
      for (let t = 0; t < L; t++) {
        using token = x.select(1, t);
        using y = block.step(token, state);
        parts.push((await y.read()) as Float32Array);
      }
      const result = { y: joined(parts, B), state: await readState(state) };
      disposeState(state);
      return result;
    };

    const whole = await run([0, L]);
    const bitwise = isBitwise(engine);
    for (const other of [await run([0, 1, 4, 10, L]), await steps()]) {
      if (bitwise) expect(other).toEqual(whole);
      else other.y.forEach((value, i) => expect(value).toBeCloseTo(whole.y[i]!, 4));
    }
  });

  test('keeps sequences packed into one row apart, and their states', async ({ skip }) => {
    if (missing !== undefined) skip(missing);
    await using engine = await open();
    const config = mambaConfig({ dModel: 16, dState: 5 });
    using block = initialBlock(engine, config, { seed: 2 });
    const [L, K] = [11, 16];
    using x = engine.tensor(input([1, L, K]), [1, L, K]);
    // The third is empty: its state stays what it was.
    const ends = [0, 2, 7, 7, 11];
    const count = ends.length - 1;
    const past = engine.tensor(input([1, 3, K], 5), [1, 3, K]);
    const one = block.createState();
    block.forward(past, one).dispose();
    const started = await readState(one);

    const packed = block.createState(count);
    const rows = (values: unknown): number[] => [...(values as Float32Array)];
    for (const state of [packed.conv, packed.ssm]) {
      const values = rows(started[state === packed.conv ? 'conv' : 'ssm']);
      engine.assign(state, engine.tensor(Array.from({ length: count }, () => values).flat(), state.shape));
    }
    using cuSeqlens = tensor(Int32Array.from(ends));
    using y = block.forward(x, packed, cuSeqlens);
    const [together, states] = [rows(await y.read()), await readState(packed)];

    const [apart, conv, ssm]: [number[], number[], number[]] = [[], [], []];
    for (const [s, end] of ends.slice(1).entries()) {
      writeState(engine, one, started);
      if (end > ends[s]!) {
        using part = x.slice(1, ends[s]!, end);
        using own = block.forward(part, one);
        apart.push(...rows(await own.read()));
      }
      const state = await readState(one);
      conv.push(...rows(state['conv']));
      ssm.push(...rows(state['ssm']));
    }
    const pairs = [
      [together, apart],
      [rows(states['conv']), conv],
      [rows(states['ssm']), ssm],
    ] as const;
    for (const [actual, expected] of pairs) {
      if (isBitwise(engine)) expect(actual).toEqual(expected);
      else expected.forEach((value, i) => expect(actual[i]).toBeCloseTo(value, 4));
    }
    for (const state of [packed, one]) disposeState(state);
    past.dispose();
  });

  test('recorded as a program, gives the same as called', async ({ skip }) => {
    if (missing !== undefined) skip(missing);
    await using engine = await open();
    const config = mambaConfig({ dModel: 16 });
    using block = initialBlock(engine, config, { seed: 2 });
    const shape = [1, 16];
    const [direct, recorded] = [block.createState(), block.createState()];
    using program = await engine.prepare(
      engine.record({ x: { dtype: 'f32', shape } }, ({ x }) => block.step(x, recorded)),
    );
    for (let t = 0; t < 3; t++) {
      using x = engine.tensor(input(shape, t), shape);
      using y = block.step(x, direct);
      expect(await program.run({ x }).read()).toEqual(await y.read());
    }
    expect(await readState(recorded)).toEqual(await readState(direct));
    for (const state of [direct, recorded]) disposeState(state);
  });

  test('copies nothing and adds nothing on its own: views and fusions do', async ({ skip }) => {
    if (missing !== undefined) skip(missing);
    await using engine = await open();
    using block = initialBlock(engine, mambaConfig({ dModel: 16 }));
    const state = block.createState();
    using x = engine.tensor(input([1, 5, 16]), [1, 5, 16]);
    using token = engine.tensor(input([1, 16]), [1, 16]);
    const events = heard(() => {
      block.forward(x, state).dispose();
      block.step(token, state).dispose();
    });
    expect(events.filter(({ type }) => type === 'copy')).toEqual([]);
    const called = events.flatMap((event) => (event.type === 'op' ? [event.op] : []));
    const passes = (conv: string, scan: string): string[] => [
      'rmsNorm',
      'linear',
      conv,
      'linear',
      'linear',
      scan,
      'linear',
    ];
    expect(called).toEqual([
      ...passes('causalConv1d', 'selectiveScan'),
      ...passes('causalConv1dUpdate', 'selectiveStateUpdate'),
    ]);
    disposeState(state);
  });

  test('frees everything it made', async ({ skip }) => {
    if (missing !== undefined) skip(missing);
    await using engine = await open();
    const before = engine.memory().tensorBytes;
    {
      using block = initialBlock(engine, mambaConfig({ dModel: 16, bias: true, selectionNormEps: 1e-6 }));
      const state = block.createState(2);
      using x = engine.tensor(input([2, 5, 16]), [2, 5, 16]);
      using y = block.forward(x, state);
      using token = y.select(1, 4);
      block.step(token, state).dispose();
      disposeState(state);
      await engine.sync();
    }
    expect(engine.memory().tensorBytes).toBe(before);
  });
});

test('weights may be kept in bf16 or f16: the block is the one of the rounded weights', async () => {
  await using engine = await referenceEngine();
  const config = mambaConfig({ dModel: 8 });
  using x = engine.tensor(input([1, 4, 8]), [1, 4, 8]);
  const run = async (weights: 'f32' | 'bf16' | 'f16'): Promise<Float32Array> => {
    using block = initialBlock(engine, config, { weights });
    expect(block.mixer.weights.inProj.dtype).toBe(weights);
    expect(block.mixer.weights.A.dtype).toBe('f32');
    using y = block.forward(x);
    return (await y.read()) as Float32Array;
  };
  const exact = await run('f32');
  for (const narrow of ['bf16', 'f16'] as const) {
    const rounded = await run(narrow);
    expect(rounded).not.toEqual(exact);
    rounded.forEach((value, i) => expect(value).toBeCloseTo(exact[i]!, 1));
  }
});

test('A is -exp(A_log) with channels contiguous, and so is the convolution', async () => {
  await using engine = await referenceEngine();
  using block = initialBlock(engine, mambaConfig({ dModel: 4, dState: 3 }));
  const { A, conv } = block.mixer.weights;
  expect({ shape: A.shape, strides: A.strides }).toEqual({ shape: [8, 3], strides: [1, 8] });
  expect({ shape: conv.shape, strides: conv.strides }).toEqual({ shape: [8, 4], strides: [1, 8] });
  // log and exp round twice in f32.
  [...((await A.read()) as Float32Array)].forEach((a, i) => expect(a).toBeCloseTo(-((i % 3) + 1), 6));
});

test('a parameter that is no real float is refused by name', async () => {
  await using engine = await referenceEngine();
  const spec = { name: 'D', kept: 'f32' } as const;
  const value = { dtype: 'i32', shape: [1], bytes: new Uint8Array(4) } as const;
  expect(() => placeParameter(engine, spec, value)).toThrow(
    expect.objectContaining({ code: 'dtype-unsupported', details: { name: 'D', dtype: 'i32' } }),
  );
});

/** Pieces (B, l, K), or (B, K), of one sequence, one after the other per batch item. */
function joined(parts: readonly Float32Array[], batch: number): number[] {
  return Array.from({ length: batch }, (_, b) =>
    parts.flatMap((part) => [...part.subarray((b * part.length) / batch, ((b + 1) * part.length) / batch)]),
  ).flat();
}

/** Whether the backend promises the same bits for any chunking, for the two ops that could break it. */
function isBitwise(engine: Engine): boolean {
  using u = engine.zeros([2, 11, 32]);
  using A = engine.zeros([32, 5]);
  using B = engine.zeros([2, 11, 5]);
  const plans = [
    engine.assess('selectiveScan', { u, delta: u, A, B, C: B, softplus: true }),
    engine.assess('linear', { x: u, weight: engine.scope(() => engine.pack(engine.zeros([16, 32]))) }),
  ];
  return plans.every(({ plan }) => plan.numerics === 'bitwise');
}
