import { expect, test } from 'vitest';
import { SlowBackend } from '../../test/slow-backend.ts';
import { fromBytes, tensor, zeros } from '../host.ts';
import { createRegistry } from '../registry/registry.ts';
import { createReferenceBackend } from '../reference/index.ts';
import { Tensor } from '../tensor.ts';
import { onTrace } from '../trace.ts';
import { Engine } from './engine.ts';

/** Everything that takes a shape of six elements, and makes a tensor of it. */
const makers: Readonly<Record<string, (engine: Engine, shape: number[]) => Tensor>> = {
  tensor: (_, shape) => tensor([1, 2, 3, 4, 5, 6], shape),
  zeros: (_, shape) => zeros(shape),
  fromBytes: (_, shape) => fromBytes(new Uint8Array(24), shape, 'f32'),
  reshape: (_, shape) => zeros([6]).reshape(shape),
  broadcast: (_, shape) => zeros([1]).broadcast(shape),
  'engine.tensor': (engine, shape) => engine.tensor([1, 2, 3, 4, 5, 6], shape),
  'engine.zeros': (engine, shape) => engine.zeros(shape),
  'engine.state': (engine, shape) => engine.state(shape),
  'engine.record': (engine, shape) => {
    const recorded: { x?: Tensor } = {};
    engine.record({ x: { shape, dtype: 'f32' } }, (given) => {
      recorded.x = given.x;
      return engine.silu({ x: given.x });
    });
    return recorded.x!;
  },
  'new Tensor': (engine, shape) =>
    new Tensor(engine.zeros([6]).storage.retain(), { dtype: 'f32', shape, strides: [3, 1], offset: 0 }),
};

test.each(Object.entries(makers))('%s keeps no array of the caller', async (_, make) => {
  await using engine = new Engine(createReferenceBackend());
  const shape = [2, 3];
  const made = make(engine, shape);
  shape[0] = 1000;
  shape.push(7);
  expect(made.shape).toEqual([2, 3]);
  expect(made.strides).toHaveLength(2);
  expect(() => ((made.shape as number[])[0] = 1000)).toThrow(TypeError);
  expect(() => ((made.strides as number[])[0] = 1000)).toThrow(TypeError);
  expect(() => ((made as { shape: readonly number[] }).shape = [1000, 3])).toThrow(TypeError);
});

test('strides that a tensor was made with are its own', () => {
  const strides = [3, 1];
  const { storage } = zeros([6]);
  const made = new Tensor(storage, { dtype: 'f32', shape: [2, 3], strides, offset: 0 });
  strides[0] = 1000;
  expect(made.strides).toEqual([3, 1]);
});

test('what is changed between a call and its turn reaches no other tensor', async () => {
  const slow = new SlowBackend({ ops: ['copy', 'add'] });
  await using engine = new Engine(slow, { fallbacks: [createReferenceBackend()] });
  const shape = [2];
  const x = engine.tensor([1, 2], shape);
  const neighbour = engine.tensor([5, 6]);
  // silu runs on the other backend, and holds back what follows.
  const held = engine.silu({ x });
  const changed: boolean[] = [];
  const stop = onTrace((event) => {
    if (event.type === 'op') changed.push(Reflect.set(event.sizes, 'E', 1000));
  });
  engine.add({ a: held, b: x });
  stop();
  expect(changed).toEqual([false]);
  const sum = engine.add({ a: x, b: x });
  shape[0] = 1000;
  expect([...(await sum.read())]).toEqual([2, 4]);
  expect([...(await neighbour.read())]).toEqual([5, 6]);
});

test('an engine and a choice keep no list of the caller', async () => {
  const other = createReferenceBackend();
  const fallbacks = [other];
  await using engine = new Engine(new SlowBackend({ ops: ['copy'] }), { fallbacks });
  fallbacks.pop();
  expect([...(await engine.silu({ x: engine.tensor([0]) }).read())]).toEqual([0]);

  const exclude = ['other'];
  const selected = createRegistry([]).select({ exclude });
  exclude.push('reference');
  await using chosen = await selected;
  expect(chosen.id).toBe('reference');
});

test('inputs of a recording cannot be exchanged by its body', async () => {
  await using engine = new Engine(createReferenceBackend());
  expect(() =>
    engine.record({ x: { shape: [2], dtype: 'f32' } }, (given) => {
      (given as { x: Tensor }).x = engine.zeros([1000]);
    }),
  ).toThrow(TypeError);
});
