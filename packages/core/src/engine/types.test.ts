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

test('what ops give has the dtype of what they were given, and so has what is read of it', async () => {
  const x = engine.tensor([[1, 2]]);
  const half = engine.tensor([[1, 2]], undefined, 'f16');
  const wide = engine.tensor([[1, 2]], undefined, 'f64');
  const f32: readonly Tensor<'f32'>[] = [
    engine.linear({ x, weight: half }),
    engine.silu({ x }),
    engine.softplus({ x }),
    engine.add({ a: x, b: x }),
    engine.rmsNorm({ x }).y,
    engine.copy({ x }),
    engine.copy({ x: half, dtype: 'f32' }),
    engine.embedding({ ids: tensor(new Int32Array([0])), weight: half }),
    engine.crossEntropy({ logits: half, targets: tensor(new Int32Array([0])) }),
    engine.linearBackward({ x, weight: half, dy: tensor([[1]]) }).dweight,
    engine.rmsNormBackward({ x, weight: engine.tensor([1, 1]), dy: x }).dx,
    engine.rmsNormBackward({ x, weight: engine.tensor([1, 1]), dy: x }).dweight!,
    engine.selectiveScan({ ...scan, finalState: true }).y,
    engine.selectiveScan({ ...scan, finalState: true }).finalState,
    engine.selectiveScanBackward({ ...scan, dy: one }).du,
    engine.selectiveScanBackward({ ...scan, dy: one }).dA,
    engine.causalConv1d({ x: one, weight: tensor([[1]]), finalState: true }).finalState,
    engine.causalConv1dBackward({ x: one, weight: tensor([[1]]), dy: one }).dweight,
  ];
  for (const y of f32) {
    expectTypeOf(y.read()).resolves.toEqualTypeOf<Float32Array>();
    expect(y.dtype).toBe('f32');
    expect(await y.read()).toBeInstanceOf(Float32Array);
  }
  expectTypeOf(engine.silu({ x: wide }).read()).resolves.toEqualTypeOf<Float64Array>();
  expectTypeOf(engine.crossEntropy<'f64'>).returns.toEqualTypeOf<Tensor<'f64'>>();
  expectTypeOf(engine.copy({ x, dtype: 'i32' }).read()).resolves.toEqualTypeOf<Int32Array>();
  const z = tensor([0, 0], [1, 1], 'complex64');
  const complex = engine.selectiveScan({ ...scan, A: z, B: z, C: z, finalState: true });
  expectTypeOf(complex.finalState).toEqualTypeOf<Tensor<'complex64'>>();
  // What is not known when it is written stays open.
  const some: Tensor = x;
  expectTypeOf(engine.silu({ x: some }).read()).resolves.toEqualTypeOf<Float32Array | Float64Array>();
});

test('an argument that there is not is an error of the types, too', () => {
  // @ts-expect-error
  expect(() => engine.silu({ x: one, nonsense: 1 })).toThrow('nonsense');
});

test('a program has the inputs and the outputs of its body', () => {
  const program = engine.record({ x: { dtype: 'f32', shape: [1] } }, ({ x }) => ({ y: engine.silu({ x }) }));
  expectTypeOf(program.run).parameter(0).toExtend<{ readonly x: Tensor }>();
  expectTypeOf(program.outputs.y).toExtend<Tensor>();
  expect(Object.keys(program.outputs)).toEqual(['y']);
});
