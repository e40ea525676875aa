import { createRegistry } from '@ss/core';
import type { Engine, Tensor } from '@ss/core';
import { randomModel } from '@ss/mamba';
import { webgpu } from '../src/index.ts';
import { timeKernels } from './kernel-times.ts';
import { openDevice } from './open-device.ts';

/**
 * Where the time of the device goes, kernel by kernel: a token and a prompt of a model of the 130m shape, and the scan
 * with its gradient. Every dispatch is a pass of its own between two times, which takes longer than one pass for all.
 *
 *     node packages/webgpu/scripts/profile.ts
 */
const tokens = 512;
/** The last of so many is told, when the device is warm. */
const rounds = 20;
const decoded = 64;

const { device, name } = await openDevice();
const times = timeKernels(device);
await using engine = await createRegistry([webgpu({ device })]).select({ require: 'webgpu' });
console.log(name);

await scans(engine);
await using model = await randomModel({ dModel: 768, layers: 24, vocabulary: 50280 }, { seed: 0, engine });
const prompt = Array.from({ length: tokens }, (_, i) => (i * 7919) % 50280);
for (let round = 0; round < rounds; round++) {
  await times();
  await model.logits(prompt);
}
print(`a prompt of ${tokens} tokens`, await times());
let last: Awaited<ReturnType<typeof times>> = new Map();
const rules = { maxTokens: decoded, temperature: 0.8, topK: 40, topP: 0.95, stopIds: [] };
for await (const _ of model.generate([1, 2, 3], rules)) last = await times();
print('a token', last);

async function scans(on: Engine): Promise<void> {
  const [L, D, N] = [2048, 1536, 16];
  const filled = (value: (i: number) => number, ...shape: number[]): Tensor => {
    const values = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => value(i));
    return on.tensor(values, shape);
  };
  const wave = (i: number): number => Math.sin(i);
  const given = {
    u: filled(wave, 1, L, D),
    delta: filled(wave, 1, L, D),
    A: filled((i) => -1 - (i % N), D, N),
    B: filled(wave, 1, L, N),
    C: filled(wave, 1, L, N),
    D: filled(wave, D),
    z: filled(wave, 1, L, D),
    deltaBias: filled(() => -4, D),
    softplus: true,
  };
  const dy = filled(wave, 1, L, D);
  const forward = (): Record<string, Tensor> => on.call('selectiveScan', given);
  const backward = (): Record<string, Tensor> => on.call('selectiveScanBackward', { ...given, dy });
  for (const [what, run] of [
    ['scan', forward],
    ['its gradient', backward],
  ] as const) {
    for (let round = 0; round < rounds; round++) {
      await times();
      const made = run();
      await on.sync();
      for (const tensor of Object.values(made)) tensor.dispose();
    }
    print(`${what}, L ${L}, D ${D}, N ${N}`, await times());
  }
}

function print(what: string, kernels: Awaited<ReturnType<typeof times>>): void {
  const all = [...kernels].toSorted(([, a], [, b]) => b.seconds - a.seconds);
  const micro = (seconds: number): string => (seconds * 1e6).toPrecision(3);
  console.log(`\n${what}: ${micro(all.reduce((sum, [, { seconds }]) => sum + seconds, 0))} µs\n`);
  console.log('| kernel | runs | µs | of a run |\n| --- | --- | --- | --- |');
  for (const [kernel, { count, seconds }] of all) {
    console.log(`| ${kernel} | ${count} | ${micro(seconds)} | ${micro(seconds / count)} |`);
  }
}
