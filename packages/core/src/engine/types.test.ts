import { expect, expectTypeOf, test } from 'vitest';
import { tensor } from '../host.ts';
import { createReferenceBackend } from '../reference/index.ts';
import type { Tensor } from '../tensor.ts';
import { Engine } from './engine.ts';

const engine = new Engine(createReferenceBackend());
const one = tensor([1], [1, 1, 1]);
const scan = { u: one, delta: one, A: tensor([0], [1, 1]), B: one, C: one };

test('results that were asked for are tensors, the others undefined, in types as in values', () => {
  const asked = engine.selectiveScan({ ...scan, finalState: true });
  expectTypeOf(asked.finalState).toExtend<Tensor>();
  expect(asked.finalState.shape).toEqual([1, 1, 1]);
  const bare = engine.selectiveScan(scan);
  expectTypeOf(bare.finalState).toEqualTypeOf<undefined>();
  expect(bare.finalState).toBeUndefined();

  const x = tensor([1], [1, 1]);
  expectTypeOf(engine.rmsNorm({ x, residual: x }).sum).toExtend<Tensor>();
  expectTypeOf(engine.rmsNorm({ x }).sum).toEqualTypeOf<undefined>();
  expect(engine.rmsNorm({ x }).sum).toBeUndefined();
});

test('what is read has the array of the dtype', async () => {
  expectTypeOf(engine.tensor([1]).read()).resolves.toEqualTypeOf<Float32Array>();
  expectTypeOf(engine.zeros([1], 'f64').read()).resolves.toEqualTypeOf<Float64Array>();
  expectTypeOf(engine.state([1], 'i64').read()).resolves.toEqualTypeOf<BigInt64Array>();
  expectTypeOf(tensor(new Int32Array([1])).read()).resolves.toEqualTypeOf<Int32Array>();
  expectTypeOf(tensor(new Int32Array([1]), [1], 'f16').read()).resolves.toEqualTypeOf<Float32Array>();
  expect(await engine.zeros([1], 'bf16').read()).toBeInstanceOf(Float32Array);
  expect(await tensor(new Int32Array([1])).read()).toBeInstanceOf(Int32Array);
});

test('a program has the inputs and the outputs of its body', () => {
  const program = engine.record({ x: { dtype: 'f32', shape: [1] } }, ({ x }) => ({ y: engine.silu({ x }) }));
  expectTypeOf(program.run).parameter(0).toExtend<{ readonly x: Tensor }>();
  expectTypeOf(program.outputs.y).toExtend<Tensor>();
  expect(Object.keys(program.outputs)).toEqual(['y']);
});
