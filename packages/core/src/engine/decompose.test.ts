import { describe, expect, test } from 'vitest';
import { tensor } from '../host.ts';
import { opNames } from '../ops/index.ts';
import type { OpName } from '../ops/op.ts';
import { createReferenceBackend } from '../reference/index.ts';
import { createRegistry } from '../registry/registry.ts';
import type { Tensor } from '../tensor.ts';
import { noise } from '../../test/noise.ts';
import { SlowBackend } from '../../test/slow-backend.ts';
import { traced } from '../../test/traced.ts';
import { Engine } from './engine.ts';

const [B, D, N, W] = [2, 3, 4, 3];
let seed = 1;
const some = (...shape: number[]): Tensor => tensor(noise(shape, seed++), shape, 'f32');
const without = (...lacking: OpName[]): OpName[] => opNames.filter((op) => !lacking.includes(op));

const update = {
  x: some(B, D),
  dt: some(B, D),
  A: tensor(
    Float32Array.from({ length: D * N }, (_, i) => -1 - (i % N)),
    [D, N],
  ),
  B: some(B, N),
  C: some(B, N),
  D: some(D),
  z: some(B, D),
  dtBias: some(D),
  softplus: true,
};
const calls = {
  selectiveStateUpdate: { args: update, state: some(B, D, N), parts: ['selectiveScan'] },
  causalConv1dUpdate: {
    args: { x: some(B, D), weight: some(D, W), bias: some(D), activation: 'silu' },
    state: some(B, W - 1, D),
    parts: ['causalConv1d'],
  },
} as const;

async function run(engine: Engine, op: keyof typeof calls): Promise<number[][]> {
  const { args, state: initial } = calls[op];
  using state = engine.state(initial.shape);
  engine.assign(state, initial);
  using y = engine.call(op, { ...args, state })['y']!;
  return [[...((await y.read()) as Float32Array)], [...(await state.read())]];
}

describe.each(Object.keys(calls) as (keyof typeof calls)[])('%s on a backend that lacks it', (op) => {
  const { parts } = calls[op];

  test('is made of others, with the same results, and says so', async () => {
    const backend = new SlowBackend({ ops: without(op) });
    const engine = new Engine(backend, { fallbacks: [createReferenceBackend()] });
    const events = await traced(async () => {
      const expected = await run(new Engine(createReferenceBackend()), op);
      expect(await run(engine, op)).toEqual(expected);
    });
    expect(events).toContainEqual({ type: 'decomposition', op, parts, backend: 'slow' });
    expect(backend.log).toEqual(['copy', ...parts]);
    await engine.sync();
    expect(engine.memory()).toMatchObject({ liveBuffers: 0, storages: 0 });
  });

  test('is recorded as those', async () => {
    const engine = new Engine(new SlowBackend({ ops: without(op) }));
    const { args, state: initial } = calls[op];
    using state = engine.state(initial.shape);
    const program = engine.record({ x: { shape: [B, D], dtype: 'f32' } }, ({ x }) => {
      const y = engine.call(op, { ...args, x, state })['y']!;
      return { y };
    });
    engine.assign(state, initial);
    await program.prepare();
    await program.run({ x: args.x });
    const expected = await run(new Engine(createReferenceBackend()), op);
    expect([[...((await program.outputs.y.read()) as Float32Array)], [...(await state.read())]]).toEqual(
      expected,
    );
    program.dispose();
  });

  test('does not keep a backend from being chosen, and is explained', async () => {
    const registry = createRegistry([
      {
        apiVersion: 1,
        id: 'slow',
        priority: 5,
        probe: () => ({ available: true }),
        load: async () => new SlowBackend({ ops: without(op) }),
      },
    ]);
    await using engine = await registry.select();
    expect(engine.id).toBe('slow');
    const { chosen } = await registry.explain({ op, shape: [B, D], load: true });
    expect(chosen).toMatchObject({ id: 'slow' });
    expect(chosen!.notes).toContain(`as ${parts.join(', ')}`);
  });
});

test('a call that the parts cannot make goes where it went before, or is refused', async () => {
  const [H, P] = [2, 2];
  const heads = {
    x: some(B, H, P),
    dt: some(B, H, P),
    A: some(H, P, N),
    B: some(B, N),
    C: some(B, N),
  };
  const backend = new SlowBackend({ ops: without('selectiveStateUpdate') });
  const alone = new Engine(backend);
  expect(() => alone.selectiveStateUpdate({ ...heads, state: alone.state([B, H, P, N]) })).toThrow(
    /slow has no selectiveStateUpdate/,
  );
  const engine = new Engine(backend, { fallbacks: [createReferenceBackend()] });
  const y = engine.selectiveStateUpdate({ ...heads, state: engine.state([B, H, P, N]) });
  expect(await y.read()).toHaveLength(B * H * P);
  expect(backend.log).not.toContain('selectiveScan');
});
