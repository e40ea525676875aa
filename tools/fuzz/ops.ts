/*
 * Throws right and wrong calls at a backend: every one must end in success or in one coded error, with
 * nothing left allocated.
 *
 *   node tools/fuzz/ops.ts [--backend reference] [--count 100000] [--seed 1]
 */
import { parseArgs } from 'node:util';
import { createRegistry, elementCount, SsError } from '@ss/core';
import type { Tensor } from '@ss/core';
import { fuzzCall } from './op-arguments.ts';
import { Random } from './random.ts';

const { values: options } = parseArgs({
  options: {
    backend: { type: 'string', default: 'reference' },
    count: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
  },
});
const count = Number(options.count);
const firstSeed = Number(options.seed);
const engine = await createRegistry().select({ require: options.backend });
const callable = engine.backend.ops.filter((name) => name !== 'pack');
const outcomes = new Map<string, number>();
const findings: string[] = [];
const tell = (outcome: string): void => void outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);

for (let i = 0; i < count; i++) {
  const seed = firstSeed * 1_000_000_007 + i;
  const random = new Random(seed);
  const op = random.pick(callable);
  const owned: Tensor[] = [];
  let outputs: ReturnType<typeof engine.call> = {};
  try {
    const { args } = fuzzCall(engine, random, op, owned);
    outputs = engine.call(op, args);
    for (const output of Object.values(outputs)) if (elementCount(output.shape) < 10_000) await output.read();
    tell('success');
  } catch (error) {
    if (SsError.is(error)) tell(error.code);
    else findings.push(`seed ${seed}, ${op}: ${error instanceof Error ? error.stack : String(error)}`);
  }
  for (const value of [...Object.values(outputs), ...owned]) value.dispose();
  await engine.sync().catch(() => undefined);
  const { storages, liveBuffers } = engine.memory();
  if (storages !== 0 || liveBuffers !== 0) {
    findings.push(`seed ${seed}, ${op}: ${storages} tensors and ${liveBuffers} buffers left`);
    break;
  }
  if (findings.length >= 10) break;
  if (process.stderr.isTTY && i % 1000 === 0) process.stderr.write(`\r${i} / ${count}`);
}
await engine.dispose();
console.log(JSON.stringify({ backend: options.backend, count, seed: firstSeed, outcomes: Object.fromEntries([...outcomes].sort()), findings: findings.length }, null, 1));
for (const finding of findings) console.log(finding);
process.exitCode = findings.length === 0 ? 0 : 1;
