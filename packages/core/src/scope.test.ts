import { expect, test, vi } from 'vitest';
import { Engine } from './engine/engine.ts';
import { SsError } from './errors.ts';
import { tensor } from './host.ts';
import { createReferenceBackend } from './reference/index.ts';
import { scope } from './scope.ts';
import type { Tensor } from './tensor.ts';

function open(): Engine {
  return new Engine(createReferenceBackend());
}

test('memory goes with its last view, in any order', () => {
  const engine = open();
  const whole = engine.tensor([1, 2, 3, 4]);
  const view = whole.slice(0, 1);
  const alias = view.alias();
  whole.dispose();
  expect(engine.memory()).toMatchObject({ storages: 1, tensorBytes: 16, liveBytes: 16 });
  view.dispose();
  alias.dispose();
  expect(engine.memory()).toMatchObject({ storages: 0, tensorBytes: 0, liveBytes: 0, liveBuffers: 0 });
});

test('disposing twice is allowed, and frees once', () => {
  const engine = open();
  const t = engine.tensor([1]);
  const other = t.alias();
  t.dispose();
  t.dispose();
  expect(engine.memory().storages).toBe(1);
  other[Symbol.dispose]();
  expect(engine.memory().storages).toBe(0);
});

test('a disposed tensor is refused everywhere, by name', async () => {
  const engine = open();
  const t = engine.tensor([1, 2]);
  t.dispose();
  const disposed = expect.objectContaining({ code: 'tensor-disposed' });
  expect(() => t.slice(0, 1)).toThrow(disposed);
  expect(() => t.alias()).toThrow(disposed);
  expect(() => engine.silu({ x: t })).toThrow(disposed);
  await expect(t.read()).rejects.toThrow(disposed);
  expect(t.disposed).toBe(true);
  expect(engine.memory().storages).toBe(0);
});

test('a read under way keeps the memory until it has it', async () => {
  const engine = open();
  const t = engine.tensor([5]);
  const reading = t.read();
  t.dispose();
  expect(await reading).toEqual(new Float32Array([5]));
  expect(engine.memory().storages).toBe(0);
});

test('a scope frees all that was made inside but what it returns', async () => {
  const engine = open();
  const outside = engine.tensor([1, 2]);
  const result = scope(() => {
    const doubled = engine.add({ a: outside, b: outside });
    const silu = engine.silu({ x: doubled });
    return { doubled, nested: [silu.slice(0, 1)], text: 'kept as it is' };
  });
  expect(engine.memory().storages).toBe(3);
  expect(await result.doubled.read()).toEqual(new Float32Array([2, 4]));
  result.doubled.dispose();
  result.nested[0]!.dispose();
  expect(engine.memory().storages).toBe(1);
  expect(outside.disposed).toBe(false);
});

test('a scope that throws frees everything made in it', () => {
  const engine = open();
  const outside = engine.tensor([1]);
  expect(() =>
    scope(() => {
      engine.silu({ x: outside });
      throw new Error('on the way');
    }),
  ).toThrow('on the way');
  expect(engine.memory().storages).toBe(1);
});

test('what an inner scope returns belongs to the outer one', () => {
  const engine = open();
  const kept = scope(() => {
    const inner = scope(() => engine.tensor([1, 2]));
    expect(inner.disposed).toBe(false);
    return [scope(() => engine.silu({ x: inner }))];
  });
  expect(engine.memory().storages).toBe(1);
  kept[0]!.dispose();
});

test('a scope of several results frees the results that were not taken', () => {
  const engine = open();
  const x = engine.tensor([1, 2], [1, 2]);
  const y = scope(() => engine.rmsNorm({ x, residual: x }).y);
  expect(engine.memory().storages).toBe(2);
  y.dispose();
});

test('results dispose together', () => {
  const engine = open();
  const x = engine.tensor([1, 2], [1, 2]);
  {
    using norm = engine.rmsNorm({ x, residual: x });
    expect(norm.sum.shape).toEqual([1, 2]);
    expect(engine.memory().storages).toBe(3);
  }
  expect(engine.memory().storages).toBe(1);
});

test('an asynchronous body is refused, and what it made so far freed', async () => {
  const engine = open();
  let made: Tensor | undefined;
  const body = async (): Promise<Tensor> => (made = engine.tensor([1]));
  expect(() => scope(body)).toThrow(expect.objectContaining({ code: 'argument-invalid' }));
  expect(made!.disposed).toBe(true);
  expect(engine.memory().storages).toBe(0);
});

test('disposing inside a scope is allowed', () => {
  const engine = open();
  engine.scope(() => {
    using early = engine.tensor([1]);
    engine.silu({ x: early });
  });
  expect(engine.memory().storages).toBe(0);
});

test('host tensors need no engine and cost it nothing', async () => {
  const engine = open();
  const t = tensor([1, 2]);
  const y = engine.silu({ x: t });
  expect(engine.memory().storages).toBe(1);
  y.dispose();
  expect(engine.memory()).toMatchObject({ storages: 0, liveBuffers: 0 });
  expect(SsError.is(await t.read())).toBe(false);
});

test('the body that is refused because it is async ends nothing when it fails later', async () => {
  const unhandled = vi.fn();
  process.on('unhandledRejection', unhandled);
  for (const run of [scope, (body: () => unknown) => open().record({}, body)]) {
    const body = async (): Promise<never> => {
      await new Promise(setImmediate);
      throw new Error('later');
    };
    expect(() => run(body)).toThrow(expect.objectContaining({ code: 'argument-invalid' }));
  }
  await new Promise((resolve) => setTimeout(resolve, 20));
  process.off('unhandledRejection', unhandled);
  expect(unhandled).not.toHaveBeenCalled();
});
