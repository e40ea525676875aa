import { describe, expect, test } from 'vitest';
import { floatDTypes } from '../dtype.ts';
import type { DType, FloatDType } from '../dtype.ts';
import { decode, encode } from '../encode.ts';
import { Engine } from '../engine/engine.ts';
import { fromBytes, tensor } from '../host.ts';
import type { OpName } from '../ops/op.ts';
import type { Shape } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { noise } from '../../test/noise.ts';
import { createReferenceBackend } from './index.ts';

const engine = new Engine(createReferenceBackend());

interface Call {
  readonly op: OpName;
  /** inputs in the storage dtype */
  readonly narrow: Readonly<Record<string, Shape>>;
  /** inputs in f32, f64 when the storage is */
  readonly wide?: Readonly<Record<string, Shape>>;
  readonly ids?: Readonly<Record<string, Tensor>>;
  readonly options?: object;
  /** outputs in f32, f64 when the storage is */
  readonly wideOutputs?: readonly string[];
}

const bld = [2, 5, 4];
const scan = { u: bld, delta: bld, B: [2, 5, 3], C: [2, 5, 3], z: bld };
const wideScan = { A: [4, 3], D: [4], deltaBias: [4], initialState: [2, 4, 3] };
const ids = tensor(new Int32Array([2, 0, 3]), [3]);

const calls: Readonly<Record<string, Call>> = {
  selectiveScan: {
    op: 'selectiveScan',
    narrow: scan,
    wide: wideScan,
    options: { softplus: true, finalState: true },
    wideOutputs: ['finalState'],
  },
  'selectiveScan with narrow D and bias': {
    op: 'selectiveScan',
    narrow: { ...scan, D: [4], deltaBias: [4] },
    wide: { A: [4, 3] },
  },
  selectiveScanBackward: {
    op: 'selectiveScanBackward',
    narrow: { ...scan, dy: bld },
    wide: { ...wideScan, dfinalState: [2, 4, 3] },
    options: { softplus: true },
    wideOutputs: ['dA', 'dD', 'ddeltaBias', 'dinitialState'],
  },
  causalConv1d: {
    op: 'causalConv1d',
    narrow: { x: bld, weight: [4, 3], bias: [4], initialState: [2, 2, 4] },
    options: { activation: 'silu', finalState: true },
  },
  'causalConv1d with wide weights': {
    op: 'causalConv1d',
    narrow: { x: bld },
    wide: { weight: [4, 3], bias: [4] },
  },
  causalConv1dBackward: {
    op: 'causalConv1dBackward',
    narrow: { x: bld, weight: [4, 3], bias: [4], initialState: [2, 2, 4], dy: bld },
    options: { activation: 'silu' },
  },
  linear: { op: 'linear', narrow: { x: [3, 4], weight: [5, 4], residual: [3, 5] }, wide: { bias: [5] } },
  linearBackward: {
    op: 'linearBackward',
    narrow: { x: [3, 4], weight: [5, 4], dy: [3, 5] },
    options: { bias: true },
    wideOutputs: ['dweight', 'dbias'],
  },
  rmsNorm: {
    op: 'rmsNorm',
    narrow: { x: [3, 4], gate: [3, 4] },
    wide: { weight: [4], residual: [3, 4] },
    options: { groups: 2 },
    wideOutputs: ['sum'],
  },
  rmsNormBackward: {
    op: 'rmsNormBackward',
    narrow: { x: [3, 4], weight: [4], residual: [3, 4], gate: [3, 4], dy: [3, 4], dsum: [3, 4] },
  },
  add: { op: 'add', narrow: { a: [3, 4], b: [3, 4] } },
  silu: { op: 'silu', narrow: { x: [3, 4] } },
  softplus: { op: 'softplus', narrow: { x: [3, 4] } },
  embedding: { op: 'embedding', narrow: { weight: [4, 5] }, ids: { ids }, wideOutputs: ['y'] },
  embeddingBackward: {
    op: 'embeddingBackward',
    narrow: { dy: [3, 4] },
    ids: { ids },
    options: { rows: 4 },
    wideOutputs: ['dweight'],
  },
  crossEntropy: {
    op: 'crossEntropy',
    narrow: { logits: [3, 4] },
    ids: { targets: ids },
    wideOutputs: ['loss'],
  },
  crossEntropyBackward: {
    op: 'crossEntropyBackward',
    narrow: { logits: [3, 4] },
    wide: { dloss: [3] },
    ids: { targets: ids },
  },
};

/** Every op in float64 on the values that the narrow inputs really have, then one rounding. */
describe.each(Object.entries(calls))(
  '%s',
  (_name, { op, narrow, wide = {}, ids = {}, options = {}, wideOutputs = [] }) => {
    test.each(floatDTypes.filter((dtype) => dtype !== 'f64'))(
      '%s results are f64 results rounded once',
      async (dtype) => {
        const stored: Record<string, Tensor> = { ...ids };
        const exact: Record<string, Tensor> = { ...ids };
        const all = { ...narrow, ...wide };
        for (const [i, [name, shape]] of Object.entries(all).entries()) {
          const storage: FloatDType = name in narrow ? dtype : 'f32';
          const bytes = encode(noise(shape, i + 1), storage);
          stored[name] = fromBytes(bytes, shape, storage);
          exact[name] = tensor(decode(bytes, storage), shape, 'f64');
        }
        const dtypeOption = op === 'embedding' ? { dtype: 'f64' } : {};
        const expected = engine.call(op, { ...exact, ...options, ...dtypeOption });
        const actual = engine.call(op, { ...stored, ...options });
        expect(Object.keys(actual)).toEqual(Object.keys(expected));
        for (const [name, result] of Object.entries(actual)) {
          const outputDType: DType = wideOutputs.includes(name) ? 'f32' : dtype;
          expect(result.dtype).toBe(outputDType);
          const rounded = encode((await expected[name]!.read()) as Float64Array, outputDType);
          expect(await result.read(), name).toEqual(decode(rounded, outputDType));
        }
      },
    );
  },
);

test('one step with a narrow input keeps its state in f32', async () => {
  const [state, exactState] = [engine.state([2, 4, 3]), engine.state([2, 4, 3], 'f64')];
  for (const dtype of ['f32', 'f16', 'bf16'] as const) {
    const shapes = { x: [2, 4], dt: [2, 4], B: [2, 3], C: [2, 3], z: [2, 4] };
    const stored = Object.entries(shapes).map(
      ([name, shape], i) => [name, tensor(noise(shape, i), shape, dtype)] as const,
    );
    const wide = {
      A: tensor(noise([4, 3], 9), [4, 3]),
      D: tensor(noise([4], 10)),
      dtBias: tensor(noise([4], 11)),
    };
    const args = { ...Object.fromEntries(stored), ...wide, softplus: true };
    const exact = await inF64(args);
    engine.assign(exactState, await f64(state));
    const y = engine.selectiveStateUpdate({ ...(args as never as { x: never }), state } as never);
    const expected = engine.selectiveStateUpdate({
      ...(exact as never as { x: never }),
      state: exactState,
    } as never);
    expect(await y.read()).toEqual(decode(encode((await expected.read()) as Float64Array, dtype), dtype));
    expect(await state.read()).toEqual(Float32Array.from((await exactState.read()) as Float64Array));
  }
});

async function f64(t: Tensor): Promise<Tensor> {
  return tensor((await t.read()) as Float32Array, t.shape, 'f64');
}

async function inF64(args: object): Promise<Record<string, unknown>> {
  const pairs = Object.entries(args).map(async ([name, value]) => [
    name,
    typeof value === 'boolean' ? value : await f64(value as Tensor),
  ]);
  return Object.fromEntries(await Promise.all(pairs)) as Record<string, unknown>;
}
