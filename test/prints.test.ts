import { inspect } from 'node:util';
import { createRegistry, tensor } from '@ss/core';
import { randomModel } from '@ss/mamba';
import { expect, test } from 'vitest';

/** A weight that would be seen. */
const secret = 123456789;

test('what a program holds prints as what it is, never with what is in it', async () => {
  const registry = createRegistry([]);
  await using engine = await registry.select();
  await using model = await randomModel({ dModel: 4, layers: 2, vocabulary: 8 }, { engine });
  using session = model.session();
  await session.prefill([1, 2, 3]);
  const values = engine.tensor([[secret, secret]], undefined, 'i32');
  using program = engine.record({ x: { dtype: 'f32', shape: [2] } }, ({ x }) => engine.silu({ x }));
  const shown: readonly [object, string][] = [
    [values, 'Tensor(i32 (1, 2) on reference)'],
    [tensor([secret]), 'Tensor(f32 (1) on host)'],
    [engine, 'Engine(reference: TypeScript, accumulation float64)'],
    [program, 'Program(1 ops on reference from x)'],
    [registry, 'BackendRegistry(reference)'],
    [model, 'MambaModel(2 layers of width 4, vocabulary 8, on reference)'],
    [session, 'Session(3 tokens on reference)'],
    [model.layers[0]!, 'MambaBlock(width 4, 8 channels, 16 states)'],
  ];
  for (const [value, text] of shown) {
    const [, kind, said] = /^(\w+)\((.*)\)$/.exec(text)!;
    expect(inspect(value)).toBe(text);
    expect(inspect({ value })).toBe(`{ value: ${text} }`);
    // Where there is no such thing, as in browsers.
    expect(String(value)).toBe(said);
    expect(Object.prototype.toString.call(value)).toBe(`[object ${kind}]`);
  }
  expect(inspect([model.parts, session, values], { depth: 5 })).not.toContain(String(secret));
  values.dispose();
  expect(inspect(values)).toBe('Tensor(i32 (1, 2) on reference, disposed)');
});
