import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { decode } from '../encode.ts';
import { Engine } from '../engine/engine.ts';
import { fromBytes, tensor } from '../host.ts';
import type { OpName } from '../ops/op.ts';
import type { Tensor } from '../tensor.ts';
import { createReferenceBackend } from './index.ts';

/** One line of `index.json`; see the README beside it. What else it has are options of the op. */
interface Case {
  readonly id: string;
  readonly op: OpName;
  readonly itype: string;
  readonly cplx?: 0 | 1;
  readonly softplus?: 0 | 1;
  readonly silu?: 0 | 1;
}

const folder = new URL('../../../conformance/vectors/', import.meta.url);
const cases = JSON.parse(readFileSync(new URL('index.json', folder), 'utf8')) as Case[];
const files = new Map(cases.map(({ op }) => [op, readTensors(`${kebab(op)}.safetensors`)]));
/** As the official packages have them; the others are stored as ours. */
const official: readonly OpName[] = ['selectiveScan', 'causalConv1d', 'selectiveStateUpdate'];

type Stored = Readonly<
  Record<string, { readonly shape: readonly number[]; readonly values: Float32Array | Int32Array }>
>;

function readTensors(name: string): Stored {
  const bytes = readFileSync(new URL(name, folder));
  const start = 8 + Number(bytes.readBigUInt64LE());
  const { __metadata__: _, ...header } = JSON.parse(bytes.toString('utf8', 8, start)) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  return Object.fromEntries(
    Object.entries(header).map(
      ([
        key,
        {
          dtype,
          shape,
          data_offsets: [from, to],
        },
      ]) => {
        const data = bytes.subarray(start + from, start + to);
        return [key, { shape, values: decode(data, dtype.toLowerCase() as 'f32' | 'f16' | 'bf16' | 'i32') }];
      },
    ),
  );
}

function kebab(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

const engine = new Engine(createReferenceBackend());

/** What the official layout calls delta_bias, dt_bias, initial_state. */
const ours: Readonly<Record<string, string>> = {
  delta_bias: 'deltaBias',
  dt_bias: 'dtBias',
  initial_state: 'initialState',
  dout: 'dy',
};

/** Time is the last axis of the stored tensors that have it, and the second of ours. */
function axes(op: OpName, name: string, rank: number): readonly number[] {
  const sequence: Partial<Record<OpName, readonly string[]>> = {
    selectiveScan: ['u', 'delta', 'z', 'B', 'C', 'dout', 'y'],
    causalConv1d: ['x', 'initial_state', 'state', 'dout', 'y'],
  };
  const timed = sequence[op]?.includes(name) === true && rank > 2;
  const order = Array.from({ length: rank }, (_, axis) => axis);
  return timed ? [0, rank - 1, ...order.slice(1, -1)] : order;
}

/** A stored input as ours: f64, so that nothing is rounded before the end; complex stays complex64. */
function input({ op, cplx }: Case, name: string, { shape, values }: Stored[string]): Tensor {
  if (values instanceof Int32Array) return tensor(values, shape);
  // Random numbers are f32 by contract.
  if (name === 'uniform') return tensor(values, shape);
  const complex = cplx === 1 && ['A', 'B', 'C', 'initial_state'].includes(name);
  const logical = complex ? shape.slice(0, -1) : shape;
  const bytes = complex ? new Uint8Array(values.buffer) : new Uint8Array(Float64Array.from(values).buffer);
  return fromBytes(bytes, logical, complex ? 'complex64' : 'f64').permute(...axes(op, name, logical.length));
}

/** A result in the order of the stored one. */
async function values({ op }: Case, name: string, result: Tensor): Promise<readonly number[]> {
  const order = axes(op, name, result.rank);
  const back = order.map((_, axis) => order.indexOf(axis));
  return Array.from((await result.permute(...back).read()) as Float64Array);
}

/** The vectors are float64 results rounded to float32; sums may differ by a few roundings of their largest term. */
function expectClose(actual: readonly number[], expected: Float32Array | Int32Array, what: string): void {
  const scale = Math.max(...Array.from(expected, Math.abs));
  expect(actual.length).toBe(expected.length);
  for (const [i, value] of expected.entries()) {
    const bound = 1.3e-7 * Math.abs(value) + 1e-9 * scale;
    if (!(Math.abs(actual[i]! - value) <= bound)) expect.fail(`${what}[${i}] is ${actual[i]}, not ${value}`);
  }
}

function stored(which: Case, kind: 'in' | 'out' | 'grad'): [name: string, stored: Stored[string]][] {
  const prefix = `${which.id}/${kind}.`;
  return Object.entries(files.get(which.op)!).flatMap(([key, value]) =>
    key.startsWith(prefix) ? [[key.slice(prefix.length), value]] : [],
  );
}

test('there are vectors of every kind', () => {
  expect([...files.keys()]).toEqual(expect.arrayContaining([...official]));
  expect(cases.length).toBeGreaterThan(100);
});

test.each(cases.map((which) => [`${which.op} ${which.id}`, which] as const))('%s', async (_name, which) => {
  const { op, id: _, itype: __, ...others } = which;
  const ownOptions = {
    ...(op !== 'causalConv1d' && { softplus: which.softplus === 1 }),
    ...(op === 'causalConv1d' && which.silu === 1 && { activation: 'silu' }),
  };
  const options = official.includes(op) ? ownOptions : others;
  const given = Object.fromEntries(
    stored(which, 'in').map(([name, value]) => [ours[name] ?? name, input(which, name, value)]),
  );
  const { dy, ...inputs } = given;

  let outputs: Record<string, Tensor>;
  if (op === 'selectiveStateUpdate') {
    const state = engine.state(inputs['state']!.shape, 'f64');
    engine.assign(state, inputs['state']!);
    outputs = { ...engine.call(op, { ...inputs, ...options, state }), state };
  } else if (!official.includes(op)) {
    outputs = engine.call(op, { ...inputs, ...options });
  } else {
    const { y, finalState } = engine.call(op, { ...inputs, ...options, finalState: true });
    outputs = { y: y!, state: finalState! };
  }
  for (const [name, { values: expected }] of stored(which, 'out')) {
    expectClose(await values(which, name, outputs[name]!), expected, name);
  }

  if (dy === undefined) return;
  const gradients = engine.call(`${op}Backward` as OpName, { ...inputs, ...options, dy });
  const expected = stored(which, 'grad');
  expect(expected.length).toBe(Object.keys(inputs).length);
  for (const [name, { values: gradient }] of expected) {
    const result = gradients[`d${ours[name] ?? name}`]!;
    expectClose(await values(which, name, result), gradient, `gradient of ${name}`);
  }
});
