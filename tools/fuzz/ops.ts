/*
 * Throws right and wrong calls at a backend: every one must end in success or in one coded error, with
 * nothing left allocated.
 *
 *   node tools/fuzz/ops.ts [--backend reference] [--count 100000] [--seed 1]
 */
import { createRegistry, elementCount } from '@ss/core';
import type { Tensor } from '@ss/core';
import { fuzzCall } from './op-arguments.ts';
import { Random } from './random.ts';
import { readFuzzOptions, Tally } from './tally.ts';

const { backend, count, firstSeed } = readFuzzOptions('100000');
const engine = await createRegistry().select({ require: backend });
const callable = engine.backend.ops.filter((name) => name !== 'pack');
const tally = new Tally('ops', backend, count, firstSeed);

for (let i = 0; i < count && tally.open; i++) {
  const seed = firstSeed * 1_000_000_007 + i;
  const random = new Random(seed);
  const op = random.pick(callable);
  const owned: Tensor[] = [];
  await tally.run(`seed ${seed}, ${op}`, async () => {
    const outputs = Object.values(engine.call(op, fuzzCall(engine, random, op, owned).args));
    owned.push(...outputs);
    for (const output of outputs) if (elementCount(output.shape) < 10_000) await output.read();
  });
  for (const value of owned) value.dispose();
  await engine.sync().catch(() => undefined);
  const { storages, liveBuffers } = engine.memory();
  if (storages !== 0 || liveBuffers !== 0)
    tally.leak(`seed ${seed}, ${op}: ${storages} tensors and ${liveBuffers} buffers left`);
}
await engine.dispose();
tally.report();
