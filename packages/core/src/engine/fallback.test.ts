import { describe, expect, test } from 'vitest';
import { fromBytes, tensor } from '../host.ts';
import { createReferenceBackend } from '../reference/index.ts';
import { SlowBackend } from '../../test/slow-backend.ts';
import { traced } from '../../test/traced.ts';
import { Engine } from './engine.ts';

const f32 = (...values: number[]): Float32Array => new Float32Array(values);

/** An engine that can only add and copy, and one behind it that can do everything. */
function open(away: SlowBackend | ReturnType<typeof createReferenceBackend> = createReferenceBackend()): {
  home: SlowBackend;
  engine: Engine;
} {
  const home = new SlowBackend({ id: 'home', ops: ['add', 'copy'] });
  return { home, engine: new Engine(home, { fallbacks: [away] }) };
}

const silu = (x: number): number => Math.fround(x / (1 + Math.exp(-x)));

test('an op that the backend lacks runs elsewhere, in its place in the order', async () => {
  const { home, engine } = open();
  const x = engine.tensor([1, 2]);
  const y = engine.silu({ x });
  const z = engine.add({ a: y, b: y });
  expect(await z.read()).toEqual(f32(2 * silu(1), 2 * silu(2)));
  expect(home.log).toEqual(['add']);
  for (const t of [x, y, z]) t.dispose();
  await engine.sync();
  expect(engine.memory()).toMatchObject({ liveBuffers: 0, storages: 0 });
});

test('views, in-place states and scratch go over and come back', async () => {
  const away = new SlowBackend({ id: 'away', scratchBytes: 20 });
  const { engine } = open(away);
  const pool = engine.state([3, 1, 2]);
  engine.assign(pool, tensor([1, 2, 3, 4, 5, 6], [3, 1, 2]));
  const x = engine.tensor([10, 20, 30, 40], [2, 2]).slice(0, 1, 2);
  const state = pool.slice(0, 1, 2);
  const weight = engine.tensor([1, 1, 1, 1], [2, 2]).permute(1, 0);
  const y = engine.causalConv1dUpdate({ x, weight, state });
  expect(await y.read()).toEqual(f32(33, 44));
  expect(await pool.read()).toEqual(f32(1, 2, 30, 40, 5, 6));
  await engine.sync();
  expect(away.memory().liveBuffers).toBe(0);
});

test('what is disposed or written while a fallback is under way waits for its turn', async () => {
  const { engine } = open(new SlowBackend({ id: 'away' }));
  const x = engine.tensor([1]);
  const state = engine.state([1]);
  engine.assign(state, x);
  const y = engine.silu({ x });
  const before = state.read();
  const data = f32(5);
  // All of these come after the fallback: the buffers of x and y may be handed out again by then only.
  engine.assign(state, fromBytes(new Uint8Array(data.buffer), [1], 'f32'));
  data.fill(0);
  const result = y.read();
  x.dispose();
  y.dispose();
  const other = engine.tensor([7]);
  const after = state.read();
  expect([await before, await result, await after, await other.read()]).toEqual([
    f32(1),
    f32(silu(1)),
    f32(5),
    f32(7),
  ]);
  await engine.sync();
  expect(engine.memory().storages).toBe(2);
});

test('several in a row, and host tensors, keep the order of the calls', async () => {
  const { engine } = open(new SlowBackend({ id: 'away' }));
  let x = engine.add({ a: tensor([1]), b: tensor([1]) });
  let expected = 2;
  for (let i = 0; i < 5; i++) {
    const next = i % 2 === 0 ? engine.silu({ x }) : engine.add({ a: x, b: tensor([i]) });
    expected = i % 2 === 0 ? silu(expected) : Math.fround(expected + i);
    x.dispose();
    x = next;
  }
  expect(await x.read()).toEqual(f32(expected));
});

test('is visible: who ran it for whom, and every copy', async () => {
  const { engine } = open();
  const x = engine.tensor([1, 2, 3]);
  const events = await traced(async () => {
    await engine.silu({ x }).read();
  });
  expect(events).toEqual([
    { type: 'op', op: 'silu', backend: 'reference', fallbackFrom: 'home', sizes: { E: 3 } },
    { type: 'copy', reason: 'read', backend: 'home', bytes: 12 },
    { type: 'copy', reason: 'fallback', backend: 'reference', bytes: 12 },
    { type: 'copy', reason: 'fallback', backend: 'home', bytes: 12 },
  ]);
  expect(engine.assess('silu', { x })).toMatchObject({ backend: 'reference' });
});

describe('failures', () => {
  test('elsewhere fail the results here, and free what was moved', async () => {
    const away = new SlowBackend({ id: 'away' });
    const { home, engine } = open(away);
    away.failing.set('silu', new Error('broken'));
    const y = engine.silu({ x: tensor([1]) });
    const z = engine.add({ a: y, b: y });
    await expect(z.read()).rejects.toMatchObject({
      code: 'execution-failed',
      message: expect.stringMatching(/^silu.*broken/),
    });
    expect(home.log).toEqual([]);
    expect(away.memory().liveBuffers).toBe(0);
    expect(await engine.add({ a: tensor([1]), b: tensor([1]) }).read()).toEqual(f32(2));
  });

  test('here, still on their way, keep a fallback from running on garbage', async () => {
    const away = new SlowBackend({ id: 'away' });
    const { home, engine } = open(away);
    home.failing.set('add', new Error('broken'));
    const x = engine.add({ a: tensor([1]), b: tensor([1]) });
    const y = engine.silu({ x });
    await expect(y.read()).rejects.toThrow(/^add.*broken/);
    expect(away.log).toEqual([]);
  });

  test('to allocate elsewhere are failures of the op', async () => {
    const away = new SlowBackend({ id: 'away' });
    const { engine } = open(away);
    const { SsError } = await import('../errors.ts');
    away.alloc = () => {
      throw new SsError('out-of-memory', 'full');
    };
    await expect(engine.silu({ x: tensor([1]) }).read()).rejects.toMatchObject({ code: 'out-of-memory' });
  });
});

test('a packed weight stays with the backend that packed it', () => {
  const home = new SlowBackend({
    ops: ['pack', 'copy'],
    packing: () => ({ format: 'home-rows', byteLength: 4 }),
  });
  const engine = new Engine(home, { fallbacks: [createReferenceBackend()] });
  const weight = engine.pack(tensor([1], [1, 1]));
  expect(() => engine.linear({ x: tensor([1], [1, 1]), weight })).toThrow(
    /slow has no linear \| reference: weight is packed for another backend \(home-rows\)/,
  );
});

test('the first backend that can is taken, the own one before all', async () => {
  const first = new SlowBackend({ id: 'first', ops: ['silu', 'add'] });
  const second = new SlowBackend({ id: 'second' });
  const home = new SlowBackend({ id: 'home', ops: ['add'] });
  const engine = new Engine(home, { fallbacks: [first, second] });
  const x = tensor([1]);
  engine.add({ a: x, b: x });
  engine.silu({ x });
  engine.softplus({ x });
  await engine.sync();
  expect([home.log, first.log, second.log]).toEqual([['add'], ['silu'], ['softplus']]);
});
