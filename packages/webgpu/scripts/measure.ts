import { createRegistry, onTrace, tensor } from '@ss/core';
import type { Engine, Program, Tensor } from '@ss/core';
import { wasm } from '@ss/wasm';
import { webgpu } from '../src/index.ts';
import { measureLimits } from './device-limits.ts';
import { costs, layerOps } from './layer-ops.ts';
import type { LayerOp } from './layer-ops.ts';
import { openDevice } from './open-device.ts';

/**
 * How long each op of a layer of mamba-130m takes on this device, by its own clock, beside what the device can do: the
 * rate of the least bytes there are to move and of the operations, each with its share of the limit that was measured
 * in the same run. Results are compared with `@ss/wasm` before anything is timed.
 *
 *     node packages/webgpu/scripts/measure.ts [tokens ...]
 */
const lengths = process.argv.length > 2 ? process.argv.slice(2).map(Number) : [1, 512, 2048];
/** Arguments are taken in turn from so many bytes, so that the caches of a large device do not hold them. */
const rotated = 2 ** 28;
const mostCopies = 32;
const repetitions = 15;
/** A device that has been idle works slowly for a while. */
const warmUpMilliseconds = 300;
/** Of the largest value of an output. */
const tolerance = 1e-3;

const { device, name } = await openDevice();
const limits = await measureLimits(device);
console.log(`${name}: ${giga(limits.bandwidth)} GB/s, ${giga(limits.flops)} GFLOP/s\n`);

await using engine = await createRegistry([webgpu({ device })]).select({ require: 'webgpu' });
await using exact = await createRegistry([wasm()]).select({ require: 'wasm' });

/** Device milliseconds of the submissions since the last look. */
const submissions: number[] = [];
onTrace((event) => {
  if (event.type === 'device') submissions.push(event.milliseconds);
});

console.log('| tokens | op | dispatches | µs | GB/s at least | share | GFLOP/s | share |');
console.log('| --- | --- | --- | --- | --- | --- | --- | --- |');
for (const L of lengths) {
  for (const op of layerOps(L)) {
    const { dispatches, least } = costs(op);
    await check(op);
    const seconds = await time(op, Math.max(1, Math.min(mostCopies, Math.ceil(rotated / least))));
    const [bytes, flops] = [least / seconds, op.work.flops / seconds];
    const cells = [
      L,
      op.name,
      dispatches,
      (seconds * 1e6).toPrecision(3),
      giga(bytes),
      percent(bytes / limits.bandwidth),
      giga(flops),
      percent(flops / limits.flops),
    ];
    console.log(`| ${cells.join(' | ')} |`);
  }
}

/** Arguments as a layer has them. */
function hostArguments({ inputs }: LayerOp): Record<string, Tensor> {
  let state = 1;
  const random = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
  return Object.fromEntries(
    Object.entries(inputs).map(([name, shape]) => {
      const size = shape.reduce((a, b) => a * b, 1);
      const values = Float32Array.from({ length: size }, (_, i) => {
        if (name === 'A') return -1 - (i % shape[1]!);
        if (name === 'deltaBias' || name === 'dtBias') return random() - 4;
        if (name === 'uniform') return 0.5;
        return name === 'weight' ? random() * shape.at(-1)! ** -0.5 : random();
      });
      return [name, tensor(values, shape)];
    }),
  );
}

async function check(op: LayerOp): Promise<void> {
  const [expected, actual] = await Promise.all([outputs(exact, op), outputs(engine, op)]);
  for (const [name, values] of expected) {
    const found = actual.get(name)!;
    const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const off = values.reduce((most, value, i) => Math.max(most, Math.abs(value - found[i]!)), 0);
    if (!(off <= tolerance * largest)) throw new Error(`${op.name}: ${name} is off by ${off} of ${largest}`);
  }
}

async function outputs(on: Engine, op: LayerOp): Promise<Map<string, Float32Array>> {
  const values = new Map<string, Float32Array>();
  const args = await place(on, op);
  for (const [name, output] of Object.entries(on.call(op.op, { ...args, ...op.options }))) {
    values.set(name, (await output.read()) as Float32Array);
    output.dispose();
  }
  for (const argument of Object.values(args)) argument.dispose();
  return values;
}

async function place(on: Engine, op: LayerOp): Promise<Record<string, Tensor>> {
  return Object.fromEntries(
    Object.entries(hostArguments(op)).map(([name, value]) => {
      if (name !== 'state') return [name, on.upload(value)];
      return [name, on.state(value.shape)];
    }),
  );
}

/** Seconds of one call: the median of submissions that make several. */
async function time(op: LayerOp, copies: number): Promise<number> {
  const all: Record<string, Tensor>[] = [];
  for (let i = 0; i < copies; i++) all.push(await place(engine, op));
  const program: Program = engine.record({}, () => {
    for (const args of all) engine.call(op.op, { ...args, ...op.options });
    return {};
  });
  await engine.prepare(program);
  const run = async (): Promise<number> => {
    submissions.length = 0;
    program.run({});
    await engine.sync();
    // It is told a little later.
    while (submissions.length === 0) await new Promise((resolve) => setTimeout(resolve));
    return submissions.reduce((a, b) => a + b);
  };
  for (let worked = 0; worked < warmUpMilliseconds;) worked += await run();
  const times: number[] = [];
  for (let i = 0; i < repetitions; i++) times.push((await run()) / 1e3 / copies);
  program.dispose();
  for (const args of all) for (const argument of Object.values(args)) argument.dispose();
  return times.sort((a, b) => a - b)[repetitions >> 1]!;
}

function giga(n: number): string {
  return (n / 1e9).toPrecision(3);
}

function percent(share: number): string {
  return `${(100 * share).toPrecision(2)} %`;
}
