import { createRegistry } from '@ss/core';
import type { Engine } from '@ss/core';
import { wasm } from '../src/index.ts';
import type { WasmOptions } from '../src/index.ts';

/* What a program pays beside the kernels: opening the backend, one op with its result, one prepared program. */

const manners: readonly WasmOptions[] = [
  { mode: 'inline', threads: 1 },
  { mode: 'inline', threads: 2 },
  { mode: 'worker', threads: 1 },
  { mode: 'worker', threads: 2 },
];
const ops = ['selectiveScan'] as const;

for (const manner of manners) {
  const registry = createRegistry([wasm(manner)]);
  const opened: number[] = [];
  for (let i = 0; i < 5; i++) {
    const start = performance.now();
    const engine = await registry.select({ require: 'wasm', ops });
    opened.push(performance.now() - start);
    await engine.dispose();
  }
  await using engine = await registry.select({ require: 'wasm', ops });
  console.log(
    `${manner.mode} ${manner.threads}: opens in ${opened[0]!.toFixed(0)} ms, again ${median(opened).toFixed(1)} ms;`,
    await oneOp(engine, 16),
    await program(engine, 16, 60),
    await program(engine, 256, 60),
  );
}

/** Microseconds from the call to the result in hand. */
async function oneOp(engine: Engine, D: number): Promise<string> {
  const args = scan(engine, D);
  const times: number[] = [];
  for (let i = 0; i < 2000; i++) {
    const start = performance.now();
    const { y } = engine.selectiveScan(args);
    await y.read();
    times.push(performance.now() - start);
    y.dispose();
  }
  return `an op of ${D} channels ${(1e3 * median(times)).toFixed(0)} us;`;
}

async function program(engine: Engine, D: number, length: number): Promise<string> {
  const args = scan(engine, D);
  const recorded = engine.record({ u: { dtype: 'f32', shape: [1, 1, D] } }, ({ u }) => {
    let y = u;
    for (let i = 0; i < length; i++) y = engine.selectiveScan({ ...args, u: y }).y as typeof u;
    return y;
  });
  await engine.prepare(recorded);
  const u = engine.tensor(new Float32Array(D).fill(1), [1, 1, D]);
  const times: number[] = [];
  for (let i = 0; i < 2000; i++) {
    const start = performance.now();
    await recorded.run({ u }).read();
    times.push(performance.now() - start);
  }
  recorded.dispose();
  return `a program of ${length} scans of ${D} channels ${(1e3 * median(times)).toFixed(0)} us;`;
}

function scan(engine: Engine, D: number) {
  const N = 16;
  const fill = (shape: number[], value: number) =>
    engine.tensor(new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(value), shape);
  return {
    u: fill([1, 1, D], 1),
    delta: fill([1, 1, D], 0.1),
    A: fill([D, N], -1),
    B: fill([1, 1, N], 0.5),
    C: fill([1, 1, N], 0.5),
  };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}
