import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { tensor } from '../host.ts';
import { createReferenceBackend } from '../reference/index.ts';
import type { Tensor } from '../tensor.ts';
import { SlowBackend } from '../../test/slow-backend.ts';
import { Engine } from './engine.ts';
import type { Program } from './program.ts';

type Step = readonly [
  what: 'upload' | 'add' | 'silu' | 'view' | 'assign' | 'step' | 'run' | 'read' | 'dispose',
  dice: number,
];

const step = fc.tuple(
  fc.constantFrom<Step[0]>('upload', 'add', 'silu', 'view', 'assign', 'step', 'run', 'read', 'dispose'),
  fc.nat(1000),
);

/** What a run of the steps reads, in order, on this engine. */
async function replay(engine: Engine, steps: readonly Step[]): Promise<number[][]> {
  const state = engine.state([1, 1, 2]);
  const flat = state.reshape([2]);
  const weight = engine.tensor([0.5, 1, -0.5, 1], [2, 2]);
  const update = (x: Tensor): Tensor =>
    engine.causalConv1dUpdate({ x: x.reshape([1, 2]), weight, state }).reshape([2]);
  const recorded: Program<{ x: { dtype: 'f32'; shape: [2] } }, Tensor> = engine.record(
    { x: { dtype: 'f32', shape: [2] } },
    ({ x }) => engine.add({ a: engine.silu({ x: update(x) }), b: x }),
  );
  const program = await recorded.prepare();
  const live: Tensor[] = [engine.tensor([1, 2])];
  const reads: Promise<ArrayLike<number | bigint>>[] = [];
  for (const [what, dice] of steps) {
    const x = live[dice % live.length]!;
    const y = live[(dice >> 3) % live.length]!;
    if (what === 'upload') live.push(engine.tensor([dice, -dice / 7]));
    if (what === 'add') live.push(engine.add({ a: x, b: y }));
    if (what === 'silu') live.push(engine.silu({ x }));
    if (what === 'view') live.push(x.reverse(0));
    if (what === 'assign') engine.assign(flat, x);
    if (what === 'step') live.push(engine.scope(() => update(x)));
    if (what === 'run') live.push(engine.copy({ x: program.run({ x: dice % 2 ? x : tensor([dice, 1]) }) }));
    if (what === 'read') reads.push(x.read());
    if (what === 'dispose' && live.length > 1) live.splice(live.indexOf(x), 1)[0]!.dispose();
  }
  reads.push(state.read(), ...live.map((t) => t.read()));
  for (const t of [...live, state, flat, weight]) t.dispose();
  program.dispose();
  const values = await Promise.all(reads);
  await engine.sync();
  expect(engine.memory()).toMatchObject({ liveBytes: 0, liveBuffers: 0, storages: 0, tensorBytes: 0 });
  return values.map((data) => Array.from(data, Number));
}

const engines: Record<string, () => Engine> = {
  'a device that works later': () => new Engine(new SlowBackend({ scratchBytes: 8 })),
  'a device with prepared programs': () => new Engine(new SlowBackend({ prepares: true })),
  'a device that lacks SiLU': () =>
    new Engine(new SlowBackend({ ops: ['add', 'copy', 'causalConv1dUpdate'], prepares: true }), {
      fallbacks: [new SlowBackend({ id: 'away' })],
    }),
  'a device that wants everything dense': () =>
    new Engine(
      new SlowBackend({ contiguous: { add: ['a', 'b'], silu: ['x'], causalConv1dUpdate: ['x', 'state'] } }),
    ),
};

test.each(Object.entries(engines))(
  '%s gives what one that works at once gives, whatever the calls',
  async (_name, open) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const expected = await replay(new Engine(createReferenceBackend()), steps);
        expect(await replay(open(), steps)).toEqual(expected);
      }),
      { numRuns: 60 },
    );
  },
);
