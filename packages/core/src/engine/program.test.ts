import { describe, expect, test } from 'vitest';
import { tensor } from '../host.ts';
import { createReferenceBackend } from '../reference/index.ts';
import type { Tensor } from '../tensor.ts';
import { noise } from '../../test/noise.ts';
import { SlowBackend } from '../../test/slow-backend.ts';
import { traced } from '../../test/traced.ts';
import { Engine } from './engine.ts';

const f32 = (...values: number[]): Float32Array => new Float32Array(values);
const pair = { dtype: 'f32', shape: [2] } as const;
const code = (name: string): unknown => expect.objectContaining({ code: name });

const backends = [
  ['at once', () => createReferenceBackend()],
  ['later', () => new SlowBackend({ scratchBytes: 8 })],
  ['prepared, later', () => new SlowBackend({ prepares: true, scratchBytes: 8 })],
  [
    'in segments',
    () => new SlowBackend({ prepares: true, ops: ['add', 'copy', 'linear', 'causalConv1dUpdate'] }),
  ],
] as const;

describe.each(backends)('a program that runs %s', (_name, make) => {
  const open = (): Engine => new Engine(make(), { fallbacks: [new SlowBackend({ id: 'away' })] });

  test('gives what its ops give one by one, on reused buffers, run after run', async () => {
    const engine = open();
    const weight = engine.tensor(noise([2, 2], 1), [2, 2]);
    const body = (x: Tensor): Tensor => {
      let h = engine.copy({ x });
      for (let i = 0; i < 6; i++) {
        const a = engine.linear({ x: h, weight });
        const b = engine.silu({ x: a });
        const sum = engine.add({ a: b, b: h });
        for (const t of [a, b, h]) t.dispose();
        h = sum;
      }
      return h;
    };
    const program = await engine.prepare(
      engine.record({ x: { dtype: 'f32', shape: [1, 2] } }, ({ x }) => body(x)),
    );
    expect(program.length).toBe(19);
    for (const values of [
      [1, 2],
      [-3, 0.5],
      [0, 0],
    ]) {
      const x = tensor(values, [1, 2]);
      const expected = engine.scope(() => body(x));
      expect(await program.run({ x }).read()).toEqual(await expected.read());
      expected.dispose();
    }
    weight.dispose();
    program.dispose();
    await engine.sync();
    expect(engine.memory()).toMatchObject({ liveBytes: 0, liveBuffers: 0, storages: 0, tensorBytes: 0 });
  });

  test('may be run again before the first run is over; every read sees its own', async () => {
    const engine = open();
    const program = await engine.prepare(
      engine.record({ x: pair }, ({ x }) => engine.silu({ x: engine.add({ a: x, b: x }) })),
    );
    const reads = [1, 2, 3, 4].map((value) => {
      const data = f32(value, -value);
      const read = program.run({ x: tensor(data) }).read();
      data.fill(NaN);
      return read;
    });
    const silu = (x: number): number => Math.fround(x / (1 + Math.exp(-x)));
    expect(await Promise.all(reads)).toEqual([2, 4, 6, 8].map((x) => f32(silu(x), silu(-x))));
  });

  test('takes device tensors, views and its own results as inputs', async () => {
    const engine = open();
    const program = await engine.prepare(engine.record({ x: pair }, ({ x }) => engine.add({ a: x, b: x })));
    const matrix = engine.tensor([1, 2, 3, 4], [2, 2]);
    expect(await program.run({ x: matrix.select(1, 1) }).read()).toEqual(f32(4, 8));
    expect(await program.run({ x: tensor([1, 2, 3, 4], [2, 2]).select(1, 0).reverse(0) }).read()).toEqual(
      f32(6, 2),
    );
    for (let i = 0; i < 3; i++) program.run({ x: program.outputs });
    expect(await program.outputs.read()).toEqual(f32(48, 16));
  });

  test('takes an input that it returned, as it stands', async () => {
    const engine = open();
    const program = await engine.prepare(
      engine.record({ x: pair }, ({ x }) => ({ x, y: engine.add({ a: x, b: x }) })),
    );
    const { x, y } = program.run({ x: tensor([1, 2]) });
    program.run({ x });
    expect(await Promise.all([x.read(), y.read()])).toEqual([f32(1, 2), f32(2, 4)]);
  });

  test('steps a state that belongs to the caller', async () => {
    const engine = open();
    const state = engine.state([1, 1, 2]);
    const weight = engine.tensor([10, 1, 10, 1], [2, 2]);
    const program = await engine.prepare(
      engine.record({ x: { dtype: 'f32', shape: [1, 2] } }, ({ x }) =>
        engine.causalConv1dUpdate({ x, weight, state }),
      ),
    );
    weight.dispose();
    const run = (a: number, b: number): Tensor => program.run({ x: tensor([a, b], [1, 2]) });
    expect(await run(1, 2).read()).toEqual(f32(1, 2));
    expect(await run(3, 4).read()).toEqual(f32(13, 24));
    engine.assign(state, tensor([9, 9], [1, 1, 2]));
    expect(await run(0, 0).read()).toEqual(f32(90, 90));
    program.dispose();
    expect(await state.read()).toEqual(f32(0, 0));
    expect(engine.memory().storages).toBe(1);
  });

  test('keeps what its body uploads, and its zeros stay zero', async () => {
    const engine = open();
    const program = await engine.prepare(
      engine.record({ x: pair }, ({ x }) => {
        const constant = engine.tensor([10, 20]);
        const zero = engine.zeros([2]);
        const host = engine.add({ a: x, b: tensor([100, 200]) });
        const a = engine.add({ a: host, b: constant });
        host.dispose();
        constant.dispose();
        const b = engine.add({ a, b: zero });
        a.dispose();
        return engine.silu({ x: engine.add({ a: b, b: zero }) });
      }),
    );
    for (let i = 0; i < 3; i++)
      expect(await program.run({ x: tensor([1, 2]) }).read()).toEqual(f32(111, 222));
    program.dispose();
    await engine.sync();
    expect(engine.memory()).toMatchObject({ liveBuffers: 0, storages: 0 });
  });

  test('may be disposed while it runs', async () => {
    const engine = open();
    const program = await engine.prepare(
      engine.record({ x: pair }, ({ x }) => engine.silu({ x: engine.add({ a: x, b: x }) })),
    );
    const reading = program.run({ x: tensor([0, 0]) }).read();
    program.dispose();
    program.dispose();
    expect(await reading).toEqual(f32(0, 0));
    await engine.sync();
    expect(engine.memory()).toMatchObject({ liveBuffers: 0, storages: 0 });
  });
});

describe('what a program returns', () => {
  test('its inputs, captured tensors and states stay whose they were', async () => {
    const engine = new Engine(new SlowBackend());
    const weight = engine.tensor([5, 6]);
    const state = engine.state([2]);
    const program = engine.record({ x: pair }, ({ x }) => {
      engine.assign(state, x);
      return { x, weight, state, half: state.slice(0, 1), made: engine.add({ a: x, b: weight }) };
    });
    await program.prepare();
    const out = program.run({ x: tensor([1, 2]) });
    expect(out.weight).toBe(weight);
    expect(out.state).toBe(state);
    expect(await Promise.all([out.x.read(), out.half.read(), out.made.read()])).toEqual([
      f32(1, 2),
      f32(2),
      f32(6, 8),
    ]);
    program.dispose();
    expect([out.x.disposed, out.half.disposed, out.made.disposed]).toEqual([true, true, true]);
    expect([weight.disposed, state.disposed]).toEqual([false, false]);
    expect(await state.read()).toEqual(f32(1, 2));
    weight.dispose();
    state.dispose();
    expect(engine.memory()).toMatchObject({ liveBuffers: 0, storages: 0 });
  });

  test('outlives the scope around the recording', async () => {
    const engine = new Engine(new SlowBackend());
    const program = engine.scope(() => engine.record({ x: pair }, ({ x }) => engine.silu({ x })));
    await program.prepare();
    expect(await program.run({ x: tensor([0, 0]) }).read()).toEqual(f32(0, 0));
  });

  test('cannot be read before a run, nor computed with', async () => {
    const engine = new Engine(new SlowBackend());
    let inside: Promise<unknown> | undefined;
    const program = engine.record({ x: pair }, ({ x }) => {
      const y = engine.silu({ x });
      inside = y.read();
      return y;
    });
    await Promise.all([
      expect(inside).rejects.toThrow(code('program-unprepared')),
      expect(program.outputs.read()).rejects.toThrow(/has not run yet/),
      expect(engine.add({ a: program.outputs, b: program.outputs }).read()).rejects.toThrow(
        /has not run yet/,
      ),
    ]);
    await program.prepare();
    expect(await program.run({ x: tensor([0, 0]) }).read()).toEqual(f32(0, 0));
  });

  test('may be nothing, from nothing', async () => {
    const engine = new Engine(new SlowBackend());
    const program = await engine.prepare(engine.record({}, () => undefined));
    expect(program.run({})).toBeUndefined();
    expect(program.length).toBe(0);
    await engine.sync();
  });
});

test('buffers of disposed tensors serve later ops of their size', async () => {
  const backend = new SlowBackend();
  const engine = new Engine(backend);
  const chain = (length: number): number => {
    const before = backend.memory().liveBuffers;
    using program = engine.record({ x: pair }, ({ x }) => {
      let y = engine.silu({ x });
      for (let i = 1; i < length; i++) {
        const next = engine.silu({ x: y });
        y.dispose();
        y = next;
      }
      return y;
    });
    expect(program.length).toBe(length);
    return backend.memory().liveBuffers - before;
  };
  // The input, and two to go back and forth between.
  expect([chain(2), chain(20)]).toEqual([3, 3]);
});

describe('a recording', () => {
  test('runs nothing', async () => {
    const backend = new SlowBackend();
    const engine = new Engine(backend);
    engine.record({ x: pair }, ({ x }) => engine.silu({ x }));
    await engine.sync();
    expect(backend.log).toEqual([]);
  });

  test.each<[what: string, body: (engine: Engine, x: Tensor) => unknown, error: unknown]>([
    [
      'throws',
      () => {
        throw new Error('on the way');
      },
      'on the way',
    ],
    [
      'makes a wrong call',
      (engine, x) => engine.add({ a: engine.silu({ x }), b: tensor([1]) }),
      code('shape-mismatch'),
    ],
    ['is asynchronous', async (engine, x) => engine.silu({ x }), code('argument-invalid')],
    ['records', (engine) => engine.record({}, () => undefined), code('recording-invalid')],
    ['packs', (engine) => engine.pack(tensor([1], [1, 1])), code('recording-invalid')],
  ])('whose body %s leaves nothing behind', async (_what, body, error) => {
    const engine = new Engine(new SlowBackend());
    expect(() => engine.record({ x: pair }, ({ x }) => body(engine, x))).toThrow(error as Error);
    expect(engine.memory()).toMatchObject({ liveBuffers: 0, storages: 0 });
    const eager = engine.silu({ x: tensor([0]) });
    expect(await eager.read()).toEqual(f32(0));
  });

  test('whose inputs cannot be allocated leaves nothing behind', () => {
    const engine = new Engine(new SlowBackend());
    const inputs = { x: pair, y: { dtype: 'f32', shape: [-1] } } as const;
    expect(() => engine.record(inputs, () => undefined)).toThrow(code('shape-mismatch'));
    expect(engine.memory()).toMatchObject({ liveBuffers: 0, storages: 0 });
  });

  test('does not run other programs', async () => {
    const engine = new Engine(new SlowBackend());
    const inner = await engine.prepare(engine.record({ x: pair }, ({ x }) => engine.silu({ x })));
    expect(() => engine.record({ x: pair }, ({ x }) => inner.run({ x }))).toThrow(code('recording-invalid'));
    expect(await inner.run({ x: tensor([0, 0]) }).read()).toEqual(f32(0, 0));
  });
});

describe('preparing', () => {
  test('is needed, once', async () => {
    const backend = new SlowBackend({ prepares: true });
    const engine = new Engine(backend);
    const program = engine.record({ x: pair }, ({ x }) => engine.silu({ x }));
    expect(() => program.run({ x: tensor([1, 2]) })).toThrow(code('program-unprepared'));
    await program.prepare();
    await program.prepare();
    expect(backend.prepared).toBe(1);
    await program.run({ x: tensor([1, 2]) }).read();
    expect(backend.log).toEqual(['program of 1', 'silu']);
    program.dispose();
    expect(backend.prepared).toBe(0);
    await expect(program.prepare()).rejects.toThrow(code('program-unprepared'));
    expect(() => program.run({ x: tensor([1, 2]) })).toThrow(code('program-unprepared'));
  });

  const twoSegments = (engine: Engine): ReturnType<typeof engine.record<{ x: typeof pair }, Tensor>> =>
    engine.record({ x: pair }, ({ x }) =>
      engine.add({ a: engine.softplus({ x: engine.add({ a: x, b: x }) }), b: x }),
    );

  test.each(['before', 'between segments', 'at the end'])(
    'aborted %s leaves nothing prepared',
    async (when) => {
      const backend = new SlowBackend({ prepares: true, ops: ['add', 'copy'] });
      const engine = new Engine(backend, { fallbacks: [createReferenceBackend()] });
      const program = twoSegments(engine);
      const controller = new AbortController();
      const prepare = backend.prepare!;
      let segments = 0;
      backend.prepare = async (...args) => {
        const list = await prepare(...args);
        if (++segments === (when === 'between segments' ? 1 : 2))
          controller.abort(new Error('changed my mind'));
        return list;
      };
      if (when === 'before') controller.abort(new Error('changed my mind'));
      await expect(engine.prepare(program, { signal: controller.signal })).rejects.toMatchObject({
        code: 'aborted',
        name: 'AbortError',
        cause: expect.objectContaining({ message: 'changed my mind' }),
      });
      expect(backend.prepared).toBe(0);
      // Nothing is wrong with the program itself.
      backend.prepare = prepare;
      await program.prepare();
      expect((await program.run({ x: tensor([0, 0]) }).read())[0]).toBeCloseTo(Math.log(2), 6);
    },
  );

  test('that the compiler refuses says what it said, and frees the parts before', async () => {
    const backend = new SlowBackend({ prepares: true, ops: ['add', 'copy'] });
    const engine = new Engine(backend, { fallbacks: [createReferenceBackend()] });
    const program = twoSegments(engine);
    const prepare = backend.prepare!;
    let segments = 0;
    backend.prepare = (...args) =>
      ++segments === 2 ? Promise.reject(new Error('no register left')) : prepare(...args);
    await expect(program.prepare()).rejects.toThrow('no register left');
    expect(backend.prepared).toBe(0);
  });

  test('a program that is disposed meanwhile leaves nothing prepared', async () => {
    const backend = new SlowBackend({ prepares: true });
    const engine = new Engine(backend);
    const program = engine.record({ x: pair }, ({ x }) => engine.silu({ x }));
    const preparing = program.prepare();
    program.dispose();
    await expect(preparing).rejects.toThrow(code('program-unprepared'));
    expect(backend.prepared).toBe(0);
  });
});

describe('inputs', () => {
  const foreign = new Engine(createReferenceBackend());
  test.each<[what: string, inputs: object, message: RegExp]>([
    ['missing', {}, /input x was not given; it was recorded as f32 \(2\)/],
    ['of another shape', { x: tensor([1, 2, 3]) }, /input x is f32 \(3\)/],
    ['of another dtype', { x: tensor([1, 2], [2], 'f64') }, /input x is f64 \(2\)/],
    ['that there are not', { x: tensor([1, 2]), z: tensor([1]) }, /without an input z/],
    ['of another engine', { x: foreign.tensor([1, 2]) }, /input x belongs to reference/],
  ])('%s are refused', async (_what, inputs, message) => {
    const engine = new Engine(new SlowBackend());
    const program = await engine.prepare(engine.record({ x: pair }, ({ x }) => engine.silu({ x })));
    const before = engine.memory();
    expect(() => program.run(inputs as { x: Tensor })).toThrow(message);
    expect(engine.memory()).toEqual(before);
  });
});

describe('a run that fails', () => {
  test('names the op of the program, and fails its results and states', async () => {
    const backend = new SlowBackend();
    const engine = new Engine(backend);
    const state = engine.state([2]);
    const outside = engine.tensor([1, 2]);
    const program = await engine.prepare(
      engine.record({ x: pair }, ({ x }) => {
        const y = engine.softplus({ x: engine.silu({ x }) });
        engine.assign(state, y);
        return y;
      }),
    );
    backend.failing.set('softplus', new Error('broken'));
    const y = program.run({ x: tensor([1, 2]) });
    await expect(y.read()).rejects.toThrow(
      /^Op 1 of a program, softplus\(x f32 \(2\)\), failed: broken The state/,
    );
    await expect(state.read()).rejects.toThrow(/no longer valid/);
    expect(await outside.read()).toEqual(f32(1, 2));
    await engine.sync().catch(() => undefined);

    // A state stays invalid until it is assigned; then the same program runs again.
    backend.failing.clear();
    await expect(program.run({ x: tensor([1, 2]) }).read()).rejects.toThrow(/broken/);
    engine.assign(state, tensor([0, 0]));
    expect(await program.run({ x: tensor([1, 2]) }).read()).toEqual(await state.read());
    await engine.sync();
  });

  test('is told apart from the runs around it while all are in flight', async () => {
    const backend = new SlowBackend();
    const engine = new Engine(backend);
    const program = await engine.prepare(engine.record({ x: pair }, ({ x }) => engine.add({ a: x, b: x })));
    let run = 0;
    const submit = backend.submit.bind(backend);
    backend.submit = (calls) => (++run === 2 ? Promise.reject(new Error('second')) : submit(calls));
    const reads = [1, 2, 3].map((value) => program.run({ x: tensor([value, value]) }).read());
    const results = await Promise.allSettled(reads);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect((results[2] as PromiseFulfilledResult<unknown>).value).toEqual(f32(6, 6));
    expect(await program.outputs.read()).toEqual(f32(6, 6));
  });

  test('passes through results that are inputs of the next run', async () => {
    const backend = new SlowBackend();
    const engine = new Engine(backend);
    const program = await engine.prepare(engine.record({ x: pair }, ({ x }) => engine.silu({ x })));
    backend.failing.set('silu', new Error('broken'));
    program.run({ x: tensor([1, 1]) });
    const next = program.run({ x: program.outputs });
    await expect(next.read()).rejects.toThrow(/broken/);
    backend.failing.clear();
    // Host values overwrite the input and what was wrong with it.
    expect(await program.run({ x: tensor([0, 0]) }).read()).toEqual(f32(0, 0));
  });

  test('in a segment elsewhere fails what follows', async () => {
    const away = new SlowBackend({ id: 'away' });
    const home = new SlowBackend({ ops: ['add', 'copy'] });
    const engine = new Engine(home, { fallbacks: [away] });
    const program = await engine.prepare(
      engine.record({ x: pair }, ({ x }) => engine.add({ a: engine.silu({ x }), b: x })),
    );
    away.failing.set('silu', new Error('broken'));
    await expect(program.run({ x: tensor([1, 2]) }).read()).rejects.toThrow(/^silu.*broken/);
    expect(home.log).toEqual([]);
    away.failing.clear();
    expect(await program.run({ x: tensor([0, 0]) }).read()).toEqual(f32(0, 0));
  });
});

test('a run is one event with the ops it is made of', async () => {
  const engine = new Engine(new SlowBackend({ ops: ['add', 'copy'] }), {
    fallbacks: [createReferenceBackend()],
  });
  const program = await engine.prepare(
    engine.record({ x: pair }, ({ x }) => engine.silu({ x: engine.add({ a: x, b: x }) })),
  );
  const events = await traced(async () => {
    program.run({ x: tensor([1, 2]) });
    await engine.sync();
  });
  expect(events.filter(({ type }) => type !== 'copy')).toEqual([
    { type: 'program', backend: 'slow', calls: 2 },
    { type: 'op', op: 'add', backend: 'slow', sizes: { E: 2 } },
    { type: 'op', op: 'silu', backend: 'reference', fallbackFrom: 'slow', sizes: { E: 2 } },
  ]);
});
