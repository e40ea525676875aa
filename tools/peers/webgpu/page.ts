import { countCalls } from './counts.ts';
import type { Counts } from './counts.ts';
import { JaxJs } from './jax.ts';
import { Ours } from './ours.ts';
import type { Inputs, Prepared, Task } from './side.ts';
import { Tfjs } from './tfjs.ts';

/* The page on which the libraries compute the same, in turn, on one adapter. Node calls what it leaves in `globalThis`. */

/** How one library did one task. */
export interface Row {
  readonly name: string;
  /** Of every round, until the result was read back. */
  readonly milliseconds: readonly number[];
  /** Of one round. */
  readonly counts: Counts;
  /** The largest difference from the first library, in units of the largest value. */
  readonly difference: number;
}

const take = countCalls();
const sides = [await Ours.open(), await Tfjs.open(), await JaxJs.open()];
const { vendor, architecture, description } = (await navigator.gpu.requestAdapter())!.info;

const page = {
  adapter: [vendor, architecture, description].filter(Boolean).join(' '),

  /** Every library computes the task, is compared, and then all of them `rounds` times in turn. */
  async run(task: Task, rounds: number): Promise<Row[]> {
    const inputs = inputsOf(task);
    const all = sides.map((side) => ({ name: side.name, prepared: side.prepare(task, inputs) }));
    const results: Float32Array[] = [];
    // Twice, so that what is made once does not count.
    for (const { prepared } of all) results.push((await prepared.run(), await prepared.run()));
    const times: number[][] = all.map(() => []);
    const counts: Counts[] = [];
    for (let round = 0; round < rounds; round++) {
      for (const [i, { prepared }] of all.entries()) {
        take();
        times[i]!.push(await timed(prepared));
        counts[i] = take();
      }
    }
    for (const { prepared } of all) prepared.dispose();
    return all.map(({ name }, i) => ({
      name,
      milliseconds: times[i]!,
      counts: counts[i]!,
      difference: difference(results[0]!, results[i]!),
    }));
  },
};

/** Milliseconds of one run. */
async function timed(prepared: Prepared): Promise<number> {
  const start = performance.now();
  await prepared.run();
  return performance.now() - start;
}

function difference(expected: Float32Array, actual: Float32Array): number {
  let [off, largest] = [0, 0];
  for (const [i, value] of expected.entries()) {
    off = Math.max(off, Math.abs(value - actual[i]!));
    largest = Math.max(largest, Math.abs(value));
  }
  return expected.length === actual.length ? off / largest : Number.NaN;
}

/** Time steps are short enough that no cumulated exponential underflows within a chunk. */
function inputsOf(task: Task): Inputs {
  let state = 1;
  const random = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
  const filled = (value: (i: number) => number, ...shape: number[]): Inputs[string] => ({
    values: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => value(i)),
    shape,
  });
  if (task.op === 'linear') {
    const { rows, K, M } = task;
    return { x: filled(random, rows, K), weight: filled(() => random() * K ** -0.5, M, K) };
  }
  const { L, D, N } = task;
  return {
    u: filled(random, L, D),
    delta: filled(random, L, D),
    A: filled((i) => -1 - (i % N), D, N),
    B: filled(random, L, N),
    C: filled(random, L, N),
    D: filled(random, D),
    z: filled(random, L, D),
    deltaBias: filled(() => -5, D),
  };
}

export type Page = typeof page;

Object.assign(globalThis, { bench: page, result: 'ready' });
