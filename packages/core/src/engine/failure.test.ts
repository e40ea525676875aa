import { describe, expect, test } from 'vitest';
import { SsError } from '../errors.ts';
import { tensor } from '../host.ts';
import { SlowBackend } from '../../test/slow-backend.ts';
import { traced } from '../../test/traced.ts';
import { Engine } from './engine.ts';

function open(): { backend: SlowBackend; engine: Engine } {
  const backend = new SlowBackend();
  return { backend, engine: new Engine(backend) };
}

const f32 = (...values: number[]): Float32Array => new Float32Array(values);
const failed = (message: RegExp): unknown =>
  expect.objectContaining({ code: 'execution-failed', message: expect.stringMatching(message) });

describe('an op that fails on the device', () => {
  test('fails what is computed from it, with its own name and shapes', async () => {
    const { backend, engine } = open();
    backend.failing.set('silu', new Error('unit on fire'));
    const x = engine.tensor([1, 2]);
    const bad = engine.silu({ x });
    const worse = engine.add({ a: bad, b: x });
    const copy = engine.copy({ x: worse.slice(0, 1) });
    for (const t of [bad, worse, copy]) {
      await expect(t.read()).rejects.toThrow(failed(/^silu\(x f32 \(2\)\) failed: unit on fire$/));
    }
    await expect(engine.sync()).rejects.toMatchObject({
      cause: expect.objectContaining({ message: 'unit on fire' }),
    });
  });

  test('leaves what does not depend on it alone', async () => {
    const { backend, engine } = open();
    backend.failing.set('silu', 'no reason');
    const x = engine.tensor([1, 2]);
    const bad = engine.silu({ x });
    const good = engine.add({ a: x, b: x });
    expect(await good.read()).toEqual(f32(2, 4));
    expect(await x.read()).toEqual(f32(1, 2));
    await expect(bad.read()).rejects.toThrow(failed(/no reason/));
  });

  test('fails what was called after it was known to have failed, without running it', async () => {
    const { backend, engine } = open();
    backend.failing.set('silu', new Error('broken'));
    const bad = engine.silu({ x: tensor([1]) });
    await expect(bad.read()).rejects.toThrow(/broken/);
    const later = engine.add({ a: bad, b: bad });
    await expect(later.read()).rejects.toThrow(failed(/^silu/));
    expect(backend.log).toEqual(['silu']);
  });

  test('is reported once by sync, the first of several', async () => {
    const { backend, engine } = open();
    backend.failing.set('silu', new Error('first'));
    backend.failing.set('softplus', new Error('second'));
    engine.silu({ x: tensor([1]) });
    engine.softplus({ x: tensor([1]) });
    await expect(engine.sync()).rejects.toThrow(failed(/first/));
    await engine.sync();
  });

  test('is the first that a tensor depends on that it is refused with', async () => {
    const { backend, engine } = open();
    backend.failing.set('silu', new Error('first'));
    backend.failing.set('softplus', new Error('second'));
    const x = engine.tensor([1]);
    const a = engine.silu({ x });
    const b = engine.softplus({ x: a });
    await expect(b.read()).rejects.toThrow(failed(/first/));
  });

  test('keeps its memory no longer than others', async () => {
    const { backend, engine } = open();
    backend.failing.set('silu', new Error('broken'));
    const y = engine.silu({ x: tensor([1]) });
    const reading = y.read();
    y.dispose();
    await expect(reading).rejects.toThrow(/broken/);
    expect(engine.memory()).toMatchObject({ storages: 0, liveBuffers: 0 });
  });
});

test('an op that fails at once fails its results, not the call', async () => {
  const { backend, engine } = open();
  backend.submit = () => {
    throw new Error('bad launch');
  };
  const y = engine.silu({ x: tensor([1]) });
  await expect(y.read()).rejects.toThrow(failed(/silu.*bad launch/));
});

test('errors that say more than "failed" keep their code', async () => {
  const { backend, engine } = open();
  backend.failing.set('silu', new SsError('device-lost', 'unplugged'));
  await expect(engine.silu({ x: tensor([1]) }).read()).rejects.toMatchObject({ code: 'device-lost' });
});

describe('state', () => {
  const step = (
    engine: Engine,
    state: ReturnType<Engine['state']>,
  ): ReturnType<Engine['causalConv1dUpdate']> =>
    engine.causalConv1dUpdate({ x: tensor([1], [1, 1]), weight: tensor([1, 1], [1, 2]), state });

  test('that an op failed to write is invalid, and says so', async () => {
    const { backend, engine } = open();
    const state = engine.state([1, 1, 1]);
    backend.failing.set('causalConv1dUpdate', new Error('broken'));
    step(engine, state);
    await expect(state.read()).rejects.toThrow(
      failed(/broken The state it was writing is no longer valid\.$/),
    );
    backend.failing.clear();
    // Nothing may continue from it.
    await expect(step(engine, state).read()).rejects.toThrow(/no longer valid/);
    expect(backend.log).toEqual(['causalConv1dUpdate']);
  });

  test('is valid again after assign() of all of it, not of a part', async () => {
    const { backend, engine } = open();
    const state = engine.state([2, 1, 1]);
    backend.failing.set('causalConv1dUpdate', new Error('broken'));
    const one = state.slice(0, 0, 1);
    step(engine, one);
    await expect(engine.sync()).rejects.toThrow(/broken/);
    backend.failing.clear();
    engine.assign(one, tensor([5], [1, 1, 1]));
    await expect(state.read()).rejects.toThrow(/broken/);
    engine.assign(state, tensor([5, 6], [2, 1, 1]));
    expect(await state.read()).toEqual(f32(5, 6));
    expect(await step(engine, one).read()).toEqual(f32(6));
    expect(await state.read()).toEqual(f32(1, 6));
    await engine.sync();
  });

  test('of half a float dtype, one element long, is assigned as a whole too', async () => {
    const { backend, engine } = open();
    const state = engine.state([1, 1, 1], 'bf16');
    backend.failing.set('causalConv1dUpdate', new Error('broken'));
    engine.causalConv1dUpdate({ x: tensor([1], [1, 1], 'bf16'), weight: tensor([1, 1], [1, 2]), state });
    await engine.sync().catch(() => undefined);
    engine.assign(state, tensor([5], [1, 1, 1]));
    expect(await state.read()).toEqual(f32(5));
  });

  test('assigned while the failure is still on its way is valid', async () => {
    const { backend, engine } = open();
    const state = engine.state([1, 1, 1]);
    backend.failing.set('causalConv1dUpdate', new Error('broken'));
    const y = step(engine, state);
    const before = state.read();
    engine.assign(state, tensor([3], [1, 1, 1]));
    const after = state.read();
    await Promise.all([expect(y.read()).rejects.toThrow(/broken/), expect(before).rejects.toThrow(/broken/)]);
    expect(await after).toEqual(f32(3));
    expect(await state.read()).toEqual(f32(3));
  });
});

test('a read sees the failure of earlier work even when its bytes arrive first', async () => {
  const { backend, engine } = open();
  const x = engine.tensor([1]);
  await engine.sync();
  const order: string[] = [];
  backend.submit = () =>
    new Promise((_, reject) => setTimeout(() => (order.push('op'), reject(new Error('late'))), 5));
  backend.read = async () => (order.push('read'), new Uint8Array(4));
  await expect(engine.silu({ x }).read()).rejects.toThrow(failed(/late/));
  expect(order).toEqual(['read', 'op']);
});

test('an upload that fails fails the tensor', async () => {
  const { backend, engine } = open();
  backend.write = () => {
    throw new Error('bus error');
  };
  const x = engine.tensor([1, 2]);
  await expect(x.read()).rejects.toThrow(failed(/^An upload of 8 bytes failed: bus error$/));
  await expect(engine.silu({ x }).read()).rejects.toThrow(failed(/bus error/));
});

test('a read that fails says what it was', async () => {
  const { backend, engine } = open();
  const x = engine.tensor([1, 2]);
  backend.read = () => Promise.reject(new Error('bus error'));
  await expect(x.read()).rejects.toThrow(failed(/^A read of 8 bytes failed: bus error$/));
});

describe('a lost device', () => {
  test('refuses what comes after, and is an event', async () => {
    const { backend, engine } = open();
    const x = engine.tensor([1]);
    const events = await traced(async () => {
      backend.lose(new SsError('device-lost', 'The device was unplugged.'));
      await engine.sync();
    });
    expect(events).toEqual([
      { type: 'backend', backend: 'slow', what: 'lost', message: 'The device was unplugged.' },
    ]);
    const lost = expect.objectContaining({ code: 'device-lost' });
    expect(() => engine.silu({ x })).toThrow(lost);
    expect(() => engine.state([1])).toThrow(lost);
    expect(() => engine.record({}, () => undefined)).toThrow(lost);
    await expect(x.read()).rejects.toThrow(lost);
    x.dispose();
    await engine.dispose();
  });
});

describe('a disposed engine', () => {
  test('frees everything, whatever is still held', async () => {
    const { backend, engine } = open();
    const x = engine.tensor([1]);
    const program = await engine.prepare(engine.record({}, () => engine.silu({ x })));
    await engine.dispose();
    expect(backend.disposed).toBe(true);
    x.dispose();
    program.dispose();
    expect(String(x)).toContain('disposed');
  });

  test('is refused by name', async () => {
    const { engine } = open();
    const x = engine.tensor([1]);
    const state = engine.state([1]);
    const program = await engine.prepare(engine.record({}, () => engine.silu({ x })));
    await engine.dispose();
    const disposed = expect.objectContaining({ code: 'engine-disposed' });
    expect(() => engine.tensor([1])).toThrow(disposed);
    expect(() => engine.silu({ x })).toThrow(disposed);
    expect(() => engine.assign(state, x)).toThrow(disposed);
    expect(() => engine.pack(tensor([1], [1, 1]))).toThrow(disposed);
    expect(() => engine.record({}, () => undefined)).toThrow(disposed);
    expect(() => program.run({})).toThrow(disposed);
    await expect(program.prepare()).rejects.toThrow(disposed);
    await expect(x.read()).rejects.toThrow(disposed);
  });

  test('is disposed once, and everybody who asks waits for it', async () => {
    const { backend, engine } = open();
    let disposals = 0;
    const dispose = backend.dispose.bind(backend);
    backend.dispose = () => (disposals++, dispose());
    await Promise.all([engine.dispose(), engine[Symbol.asyncDispose](), engine.dispose()]);
    expect([disposals, backend.disposed]).toEqual([1, true]);
  });

  test('waits for what was enqueued, failures included', async () => {
    const { backend, engine } = open();
    backend.failing.set('softplus', new Error('broken'));
    const y = engine.silu({ x: tensor([1]) });
    engine.softplus({ x: tensor([1]) });
    const reading = y.read();
    await engine.dispose();
    expect((await reading)[0]).toBeCloseTo(1 / (1 + Math.exp(-1)), 6);
    expect(backend.log).toEqual(['silu', 'softplus']);
  });

  test('disposes the backends it falls back to, even if its own cannot be', async () => {
    const { backend } = open();
    const other = new SlowBackend({ id: 'other' });
    const engine = new Engine(backend, { fallbacks: [other] });
    backend.dispose = () => Promise.reject(new Error('stuck'));
    await expect(engine.dispose()).rejects.toThrow('stuck');
    expect(other.disposed).toBe(true);
  });
});
