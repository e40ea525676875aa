import { chunk } from './side.ts';
import type { Inputs, Prepared, Side, Task } from './side.ts';

/* What is used of jax-js, which the repository type-checks without. Functions take their arguments over; `ref` keeps one. */

interface Arr {
  readonly ref: Arr;
  add(other: Arr | number): Arr;
  mul(other: Arr | number): Arr;
  div(other: Arr | number): Arr;
  sum(axis: number): Arr;
  reshape(shape: readonly number[]): Arr;
  slice(...ranges: (readonly number[])[]): Arr;
  data(): Promise<Float32Array>;
  dispose(): void;
}
type Args = Readonly<Record<string, Arr>>;
interface Jax {
  init(device: string): Promise<readonly string[]>;
  defaultDevice(device: string): void;
  jit(run: (args: Args) => Arr): ((args: Args) => Arr) & { dispose(): void };
  readonly nn: { softplus(x: Arr): Arr; silu(x: Arr): Arr };
  readonly numpy: {
    array(values: Float32Array): Arr;
    zeros(shape: readonly number[]): Arr;
    exp(x: Arr): Arr;
    cumsum(x: Arr, axis: number): Arr;
    concatenate(all: readonly Arr[], axis: number): Arr;
    einsum(rule: string, ...all: readonly Arr[]): Arr;
  };
}

/** Where the page's server has the bundle. */
const place = '/jax.js';

export class JaxJs implements Side {
  readonly name = 'jax-js';
  readonly #jax: Jax;

  private constructor(jax: Jax) {
    this.#jax = jax;
  }

  static async open(): Promise<JaxJs> {
    const { jax } = (await import(place)) as { readonly jax: Jax };
    if (!(await jax.init('webgpu')).includes('webgpu')) throw new Error('jax-js finds no WebGPU.');
    jax.defaultDevice('webgpu');
    return new JaxJs(jax);
  }

  prepare(task: Task, inputs: Inputs): Prepared {
    const { jit, numpy } = this.#jax;
    const args: Record<string, Arr> = {};
    for (const [name, { values, shape }] of Object.entries(inputs)) {
      args[name] = numpy.array(values).reshape(shape);
    }
    const compiled = jit((given) =>
      task.op === 'linear'
        ? numpy.einsum('rk,mk->rm', given['x']!, given['weight']!)
        : scan(this.#jax, task, given),
    );
    return {
      async run() {
        const kept = Object.fromEntries(Object.entries(args).map(([name, each]) => [name, each.ref]));
        return compiled(kept).data();
      },
      dispose() {
        for (const each of Object.values(args)) each.dispose();
        compiled.dispose();
      },
    };
  }
}

function scan({ numpy, nn }: Jax, { L, D, N }: Extract<Task, { op: 'scan' }>, args: Args): Arr {
  const { u, delta, A, B, C, D: skip, z, deltaBias } = args as Record<string, Arr>;
  const dt = nn.softplus(delta!.add(deltaBias!));
  let h = numpy.zeros([D, N]);
  const ys: Arr[] = [];
  for (let start = 0; start < L; start += chunk) {
    const n = Math.min(chunk, L - start);
    const part = (x: Arr): Arr => x.ref.slice([start, start + n]);
    const steps = part(dt);
    const W = numpy.exp(numpy.cumsum(steps.ref, 0).reshape([n, D, 1]).mul(A!.ref));
    const inputs = steps
      .mul(part(u!))
      .reshape([n, D, 1])
      .mul(part(B!).reshape([n, 1, N]));
    const states = W.ref.mul(numpy.cumsum(inputs.div(W), 0).add(h));
    ys.push(states.ref.mul(part(C!).reshape([n, 1, N])).sum(2));
    h = states.slice([n - 1, n]).reshape([D, N]);
  }
  for (const each of [h, dt, A!, B!, C!]) each.dispose();
  return numpy.concatenate(ys, 0).add(skip!.mul(u!)).mul(nn.silu(z!));
}
