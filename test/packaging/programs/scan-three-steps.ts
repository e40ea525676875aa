import { tensor, type BackendRegistry } from '@ss/core';

/** One channel, one state, everything 1 and A = -1: y[t] is the sum of exp(-k) for k = 0..t. */
export async function scanThreeSteps(registry: BackendRegistry, backend: string): Promise<unknown> {
  const engine = await registry.select({ require: backend, ops: ['selectiveScan'] });
  const ones = tensor([1, 1, 1], [1, 3, 1]);
  const args = { u: ones, delta: ones, A: tensor([-1], [1, 1]), B: ones, C: ones };
  const { y } = engine.selectiveScan(args);
  const values = await y.read();
  await engine[Symbol.asyncDispose]();
  return { backend: engine.decision?.chosen?.id, y: [...values] };
}
