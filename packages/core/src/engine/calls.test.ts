import { describe, expect, test } from 'vitest';
import type { AllocOptions } from '../backend.ts';
import { fromBytes, tensor } from '../host.ts';
import { createReferenceBackend } from '../reference/index.ts';
import type { Tensor } from '../tensor.ts';
import { SlowBackend } from '../../test/slow-backend.ts';
import { traced } from '../../test/traced.ts';
import { Engine } from './engine.ts';

const backends = [
  ['a backend that runs at once', createReferenceBackend],
  ['a backend that runs later', () => new SlowBackend({ scratchBytes: 12 })],
] as const;

const f32 = (...values: number[]): Float32Array => new Float32Array(values);

describe.each(backends)('%s', (_name, make) => {
  test('host tensors are copied at the call', async () => {
    const engine = new Engine(make());
    const bytes = new Uint8Array(f32(1, 2).buffer);
    const x = fromBytes(bytes, [2], 'f32');
    const y = engine.add({ a: x, b: x });
    bytes.fill(0);
    expect(await y.read()).toEqual(f32(2, 4));
    y.dispose();
    await engine.sync();
    expect(engine.memory()).toMatchObject({ liveBytes: 0, liveBuffers: 0, storages: 0 });
  });

  test('only what a host view covers is copied', async () => {
    const engine = new Engine(make());
    const table = tensor(
      Float32Array.from({ length: 1000 }, (_, i) => i),
      [100, 10],
    );
    const part = table.slice(0, 5, 7).reverse(1);
    const uploaded = engine.upload(part);
    expect(engine.memory().tensorBytes).toBe(80);
    expect(await uploaded.read()).toEqual(await part.read());
  });

  test('ops run in the order of the calls, on buffers that are reused at once', async () => {
    const engine = new Engine(make());
    let x: Tensor = engine.tensor([1, 1]);
    for (let i = 0; i < 20; i++) {
      const doubled = engine.add({ a: x, b: x });
      x.dispose();
      x = doubled;
    }
    const before = x.read();
    x.dispose();
    const other = engine.tensor([7, 7]);
    expect(await before).toEqual(f32(2 ** 20, 2 ** 20));
    expect(await other.read()).toEqual(f32(7, 7));
    expect(engine.memory().storages).toBe(1);
  });

  test('state is zero at first, changes in place, and keeps its address', async () => {
    const engine = new Engine(make());
    const state = engine.state([1, 1, 1]);
    const handle = state.storage.handle;
    const one = tensor([1], [1, 1, 1]);
    const args = { u: one, delta: one, A: tensor([0], [1, 1]), B: one, C: one, state };
    const read: Float32Array[] = [];
    for (let t = 0; t < 3; t++) read.push((await engine.selectiveScan(args).y.read()) as Float32Array);
    expect(read).toEqual([f32(1), f32(2), f32(3)]);
    const snapshot = engine.copy({ x: state });
    engine.assign(state, tensor([10], [1, 1, 1]));
    expect(await engine.selectiveScan(args).y.read()).toEqual(f32(11));
    expect(await snapshot.read()).toEqual(f32(3));
    expect(state.storage.handle).toBe(handle);
  });

  test('a wrong call changes nothing, wherever in a chain it stands', async () => {
    const engine = new Engine(make());
    const state = engine.state([2]);
    const x = engine.tensor([1, 2]);
    const before = engine.memory();
    expect(() => engine.assign(state, x.reshape([1, 2]))).toThrow(/copy: to has shape \(2\) where \(1, 2\)/);
    expect(await state.read()).toEqual(f32(0, 0));
    expect(engine.memory()).toMatchObject({ liveBytes: before.liveBytes });
  });

  test('an empty result has no work and still an address', async () => {
    const backend = make();
    const engine = new Engine(backend);
    const y = engine.silu({ x: tensor([], [0, 4]) });
    expect(await y.read()).toEqual(f32());
    if (backend instanceof SlowBackend) expect(backend.log).toEqual([]);
  });
});

test('an engine says who it is', () => {
  const engine = new Engine(new SlowBackend());
  expect(engine).toMatchObject({ id: 'slow', device: { kind: 'gpu', name: 'slow' }, decision: undefined });
  const x = tensor([1]);
  expect(engine.assess('silu', { x })).toMatchObject({
    backend: 'slow',
    call: { op: 'silu', sizes: { E: 1 } },
  });
  expect(() => engine.assess('silu', {})).toThrow(/silu needs the tensor x/);
  expect(engine.memory().storages).toBe(0);
});

describe('layouts', () => {
  const matrix = (): Tensor => tensor([1, 2, 3, 4], [2, 2]);

  test('what a backend wants dense is copied, and the copy is an event', async () => {
    const backend = new SlowBackend({ contiguous: { linear: ['x', 'weight'] } });
    const engine = new Engine(backend);
    const x = engine.upload(matrix());
    const events = await traced(async () => {
      const y = engine.linear({ x: x.permute(1, 0), weight: matrix() });
      // Rows of x^T are its columns (1, 3) and (2, 4).
      expect(await y.read()).toEqual(f32(1 + 6, 3 + 12, 2 + 8, 6 + 16));
    });
    expect(backend.log).toEqual(['copy', 'linear']);
    expect(events).toContainEqual({
      type: 'copy',
      reason: 'layout',
      backend: 'slow',
      bytes: 16,
      argument: 'x',
    });
    expect(events.filter((e) => e.type === 'copy' && e.reason === 'layout').length).toBe(1);
    expect(engine.memory().storages).toBe(2);
  });

  test('a state that must be dense is copied back after the op', async () => {
    const engine = new Engine(new SlowBackend({ contiguous: { causalConv1d: ['state'] } }));
    const pool = engine.state([3, 1, 2]);
    const state = pool.permute(2, 1, 0).slice(0, 1, 2);
    const x = tensor([1, 2, 3], [1, 1, 3]);
    const { y } = engine.causalConv1d({ x, weight: tensor([10, 1, 10, 1, 10, 1], [3, 2]), state });
    expect(await y.read()).toEqual(f32(1, 2, 3));
    expect(await pool.read()).toEqual(f32(0, 1, 0, 2, 0, 3));
    const again = engine.causalConv1d({ x, weight: tensor([10, 1, 10, 1, 10, 1], [3, 2]), state });
    expect(await again.y.read()).toEqual(f32(11, 22, 33));
  });

  test('a state that could not be copied back is refused before anything runs', async () => {
    const backend = new SlowBackend({ contiguous: { causalConv1d: ['state'] } });
    const engine = new Engine(backend);
    const { assess } = SlowBackend.prototype;
    backend.assess = (call) =>
      call.inout.includes('to')
        ? { ok: false, blockers: [{ code: 'no-scatter', message: 'copies into views', origin: 'request' }] }
        : assess.call(backend, call);
    const state = engine.state([3, 1, 2]).permute(2, 1, 0).slice(0, 1, 2);
    const before = engine.memory().storages;
    const call = { x: tensor([1, 2, 3], [1, 1, 3]), weight: tensor([1, 1, 1, 1, 1, 1], [3, 2]), state };
    expect(() => engine.causalConv1d(call)).toThrow(/copy\(.* cannot run\. slow: copies into views/);
    await engine.sync();
    expect(backend.log).not.toContain('causalConv1d');
    expect(engine.memory().storages).toBe(before);
  });
});

describe('refusals of a backend', () => {
  test('name every backend that was asked, and what would help', () => {
    const engine = new Engine(new SlowBackend({ ops: ['copy'] }), {
      fallbacks: [new SlowBackend({ id: 'other', ops: ['add'] })],
    });
    const call = (): unknown => engine.silu({ x: tensor([1]) });
    expect(call).toThrow(
      /silu\(x f32 \(1\)\) cannot run\. slow: slow has no silu \| other: other has no silu/,
    );
    expect(call).toThrow(
      expect.objectContaining({ code: 'op-unsupported', details: expect.objectContaining({ op: 'silu' }) }),
    );
    expect(engine.memory().storages).toBe(0);
  });

  test('come with the backend own hint', () => {
    const backend = new SlowBackend();
    backend.assess = () => ({
      ok: false,
      blockers: [
        { code: 'too-wide', message: 'more than 8 lanes', origin: 'request', fix: 'split the channels' },
      ],
    });
    const engine = new Engine(backend);
    expect(() => engine.silu({ x: tensor([1]) })).toThrow(
      expect.objectContaining({
        message: expect.stringMatching(/more than 8 lanes split the channels$/),
        hint: 'split the channels',
      }),
    );
  });
});

test('memory that a device does not have is refused at the call, and nothing is kept', async () => {
  const backend = new SlowBackend();
  const engine = new Engine(backend);
  const alloc = backend.alloc.bind(backend);
  const { SsError } = await import('../errors.ts');
  let left = 1;
  backend.alloc = (bytes, options) => {
    if (left-- === 0) throw new SsError('out-of-memory', 'full');
    return alloc(bytes, options);
  };
  expect(() => engine.rmsNorm({ x: tensor([1, 2], [1, 2]) })).toThrow(
    expect.objectContaining({ code: 'out-of-memory' }),
  );
  expect(engine.memory()).toMatchObject({ storages: 0, liveBuffers: 0 });
});

test('a host backend says when it is out of memory', () => {
  const alloc = (): unknown => createReferenceBackend().alloc(2 ** 53, { zero: false });
  expect(alloc).toThrow(expect.objectContaining({ code: 'out-of-memory' }));
});

test('a result too large to index is refused before memory is', () => {
  const engine = new Engine(createReferenceBackend());
  const x = tensor([0], [1, 1]).broadcast([2 ** 16, 1]);
  const weight = tensor([0], [1, 1]).broadcast([2 ** 16, 1]);
  expect(() => engine.linear({ x, weight })).toThrow(expect.objectContaining({ code: 'size-exceeded' }));
  expect(engine.memory().storages).toBe(0);
});

describe('results lie in another bank than what they are made of', () => {
  function observed(): { engine: Engine; banks: Map<unknown, number | undefined> } {
    const backend = new SlowBackend({ scratchBytes: 12 });
    const banks = new Map<unknown, number | undefined>();
    const alloc = backend.alloc.bind(backend);
    backend.alloc = (bytes, options: AllocOptions) => {
      const buffer = alloc(bytes, options);
      banks.set(buffer, options.bank);
      return buffer;
    };
    const submit = backend.submit.bind(backend);
    backend.submit = (calls) => {
      for (const { inputs, outputs, scratch, inout } of calls) {
        const read = Object.entries(inputs).filter(([name]) => !inout.includes(name));
        const readBanks = read.map(([, { buffer }]) => banks.get(buffer));
        const written = [...Object.values(outputs).map(({ buffer }) => buffer), scratch];
        for (const buffer of written) if (buffer) expect(readBanks).not.toContain(banks.get(buffer));
      }
      return submit(calls);
    };
    return { engine: new Engine(backend), banks };
  }

  const body = (engine: Engine, x: Tensor): Tensor => {
    const y = engine.silu({ x });
    using z = engine.add({ a: x, b: y });
    using w = engine.add({ a: y, b: z });
    const v = engine.add({ a: w, b: x });
    y.dispose();
    return engine.add({ a: v, b: engine.silu({ x: v }) });
  };

  test('call by call', async () => {
    const { engine, banks } = observed();
    await body(engine, engine.tensor([1, 2])).read();
    expect(banks.size).toBeGreaterThan(5);
  });

  test('in a program, which takes buffers again', async () => {
    const { engine, banks } = observed();
    const program = engine.record({ x: { dtype: 'f32', shape: [2] } }, ({ x }) => body(engine, x));
    await engine.prepare(program);
    await program.run({ x: tensor([1, 2]) }).read();
    expect(new Set(banks.values())).toContain(1);
  });
});
