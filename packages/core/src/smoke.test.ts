import { expect, test } from 'vitest';
import { createRegistry, onTrace, tensor } from './index.ts';

test('a scan on the reference, eager and recorded', async () => {
  const registry = createRegistry([]);
  await using engine = await registry.select({ ops: ['selectiveScan'] });
  const events: unknown[] = [];
  onTrace((e) => events.push(e));
  const ones = (shape: number[]) => tensor(new Float32Array(shape.reduce((a, b) => a * b)).fill(1), shape);
  const args = { u: ones([1, 3, 2]), delta: ones([1, 3, 2]), A: tensor([-1, -1], [2, 1]), B: ones([1, 3, 1]), C: ones([1, 3, 1]) };
  using out = engine.selectiveScan({ ...args, finalState: true });
  const y = await out.y.read();
  expect(y[4]).toBeCloseTo(1 + Math.exp(-1) + Math.exp(-2), 6);
  expect(await out.finalState.read()).toEqual(new Float32Array([y[4]!, y[5]!]));
  using program = await engine.prepare(engine.record({ u: { dtype: 'f32', shape: [1, 3, 2] } }, ({ u }) => engine.selectiveScan({ ...args, u }).y));
  expect(await program.run({ u: ones([1, 3, 2]) }).read()).toEqual(y);
  expect(await program.run({ u: out.y }).read()).not.toEqual(y);
  program.dispose();
  out[Symbol.dispose]();
  expect(engine.memory()).toMatchObject({ liveBytes: 0, liveBuffers: 0, storages: 0 });
  console.log(String(registry.explain({ op: 'selectiveScan' })), String(engine.decision), engine.decision?.summary);
  expect(() => engine.linear({ x: ones([1, 2]), weight: ones([2, 2]) })).toThrow(/reference has no linear/);
});
