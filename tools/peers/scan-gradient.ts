/*
 * The scan and its gradient, forward and backward, on one thread: @ss/wasm against PyTorch's autograd of the
 * same scan, in turn, on the same inputs. First the two are compared on 64 channels, where PyTorch walks step by
 * step; the formulation that is timed loses its gradients (NaN, and digits where it is finite), which is printed.
 *
 *   node tools/peers/scan-gradient.ts [--formulation chunked-cumsum|sequential] [--length 2048] [--repeats 5] [--python python3]
 *
 * Needs a Python with PyTorch, such as Debian's python3-torch.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createRegistry } from '@ss/core';
import type { Engine, Tensor } from '@ss/core';
import { wasm } from '@ss/wasm';
import { Random } from '../fuzz/random.ts';

const { values: options } = parseArgs({
  options: {
    formulation: { type: 'string', default: 'chunked-cumsum' },
    length: { type: 'string', default: '2048' },
    channels: { type: 'string', default: '1536' },
    repeats: { type: 'string', default: '5' },
    python: { type: 'string', default: 'python3' },
  },
});
const N = 16;

interface Shape {
  readonly L: number;
  readonly D: number;
}
type Inputs = Readonly<
  Record<string, { readonly shape: readonly number[]; readonly values: Float32Array<ArrayBuffer> }>
>;
type Results = Readonly<Record<string, Float32Array>>;

/** A layer as Mamba initialises it: A from -1 to -16, time steps log-uniform from 1e-3 to 0.1. */
function makeInputs({ L, D }: Shape): Inputs {
  const random = new Random(7);
  const make = (shape: readonly number[], value: (i: number) => number) => ({
    shape,
    values: Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => value(i)),
  });
  const noise = (): number => Math.sqrt(12) * (random.next() - 0.5);
  return {
    u: make([1, L, D], noise),
    delta: make([1, L, D], () => 0.1 * noise()),
    A: make([D, N], (i) => -1 - (i % N)),
    B: make([1, L, N], noise),
    C: make([1, L, N], noise),
    skip: make([D], () => 1),
    bias: make([D], () => Math.log(Math.expm1(Math.exp(Math.log(1e-3) + random.next() * Math.log(100))))),
    dy: make([1, L, D], noise),
  };
}

async function runOurs(engine: Engine, inputs: Inputs): Promise<{ milliseconds: number; results: Results }> {
  const t = Object.fromEntries(
    Object.entries(inputs).map(([name, { values, shape }]) => [name, engine.tensor(values, shape)]),
  ) as Record<string, Tensor>;
  const args = {
    u: t['u']!,
    delta: t['delta']!,
    A: t['A']!,
    B: t['B']!,
    C: t['C']!,
    D: t['skip']!,
    deltaBias: t['bias']!,
    softplus: true,
  };
  await engine.sync();
  const started = performance.now();
  using forward = engine.selectiveScan({ ...args, finalState: true });
  using gradients = engine.selectiveScanBackward({ ...args, dy: t['dy']! });
  await engine.sync();
  const milliseconds = performance.now() - started;
  const { du, ddelta, dA, dB, dC, dD, ddeltaBias } = gradients;
  const outputs = {
    y: forward.y,
    final: forward.finalState,
    du,
    ddelta,
    dA,
    dB,
    dC,
    dskip: dD!,
    dbias: ddeltaBias!,
  };
  const read = await Promise.all(
    Object.entries(outputs).map(
      async ([name, output]) => [name, (await output.read()) as Float32Array] as const,
    ),
  );
  for (const input of Object.values(t)) input.dispose();
  return { milliseconds, results: Object.fromEntries(read) };
}

/** Runs PyTorch in a process of its own; one warm-up, one timed run. */
class Peer implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'ss-scan-'));
  readonly #formulation: string;

  constructor({ L, D }: Shape, inputs: Inputs, formulation: string) {
    this.#formulation = formulation;
    writeFileSync(join(this.#folder, 'meta.json'), JSON.stringify({ B: 1, L, D, N, softplus: true }));
    for (const [name, { values }] of Object.entries(inputs))
      writeFileSync(join(this.#folder, `${name}.f32`), values);
  }

  run(): { milliseconds: number; torch: string } {
    const args = [join(import.meta.dirname, 'torch_scan.py'), this.#folder, this.#formulation, '1', '--grad'];
    const { milliseconds, torch } = JSON.parse(execFileSync(options.python, args, { encoding: 'utf8' })) as {
      milliseconds: number[];
      torch: string;
    };
    return { milliseconds: milliseconds[0]!, torch };
  }

  result(name: string): Float32Array {
    const bytes = readFileSync(join(this.#folder, `${name}.f32`));
    return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true });
  }
}

/** The largest difference as a share of the largest value, and the peer's share of values that are not finite. */
function differ(ours: Float32Array, theirs: Float32Array): { worst: number; notFinite: number } {
  if (theirs.length !== ours.length)
    throw new Error(`${ours.length} values here and ${theirs.length} there.`);
  let [largest, difference, bad] = [0, 0, 0];
  for (const [i, value] of ours.entries()) {
    if (!Number.isFinite(value)) throw new Error(`Value ${i} is ${value}.`);
    largest = Math.max(largest, Math.abs(value));
    if (Number.isFinite(theirs[i]!)) difference = Math.max(difference, Math.abs(value - theirs[i]!));
    else bad++;
  }
  return { worst: difference / largest, notFinite: bad / ours.length };
}

function median(values: readonly number[]): number {
  return values.toSorted((x, y) => x - y)[values.length >> 1]!;
}

await using engine = await createRegistry([wasm({ threads: 1, mode: 'inline' })]).select({ require: 'wasm' });

const small = { L: Number(options.length), D: 64 };
{
  const inputs = makeInputs(small);
  using peer = new Peer(small, inputs, 'sequential');
  peer.run();
  const { results } = await runOurs(engine, inputs);
  for (const [name, values] of Object.entries(results)) {
    const { worst, notFinite } = differ(values, peer.result(name));
    if (worst > 1e-4 || notFinite > 0)
      throw new Error(`${name} differs from PyTorch step by step by ${worst} of its largest value.`);
  }
  console.log(`agrees with PyTorch step by step on ${small.D} channels, every output and gradient`);
}

const full = { L: Number(options.length), D: Number(options.channels) };
const inputs = makeInputs(full);
using peer = new Peer(full, inputs, options.formulation);
const { results } = await runOurs(engine, inputs);
const { torch } = peer.run();
const lost = Object.entries(results).map(([name, values]) => {
  const { worst, notFinite } = differ(values, peer.result(name));
  return `${name} ${(100 * notFinite).toFixed(1)} % (${(100 * worst).toFixed(2)} %)`;
});
const times: { ours: number[]; theirs: number[] } = { ours: [], theirs: [] };
for (let i = 0; i < Number(options.repeats); i++) {
  times.ours.push((await runOurs(engine, inputs)).milliseconds);
  times.theirs.push(peer.run().milliseconds);
}
const show = (label: string, ms: readonly number[]): void =>
  console.log(
    `${label.padEnd(36)} median ${median(ms).toFixed(0)} ms, best ${Math.min(...ms).toFixed(0)} ms`,
  );
console.log(
  `forward and backward, B 1 L ${full.L} D ${full.D} N ${N}, softplus, bias and skip, one thread each`,
);
show(`@ss/wasm (simd ${String(engine.device.facts['simd'])})`, times.ours);
show(`PyTorch ${torch} ${options.formulation}`, times.theirs);
console.log(`ratio of medians ${(median(times.theirs) / median(times.ours)).toFixed(1)}`);
console.log(
  `of PyTorch's values not finite, and by how much of the largest value the others differ: ${lost.join(', ')}`,
);
