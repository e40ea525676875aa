import { chunk } from './side.ts';
import type { Inputs, Prepared, Side, Task } from './side.ts';

/* What is used of TensorFlow.js, which the repository type-checks without. */

interface Tensor {
  data(): Promise<Float32Array>;
  dispose(): void;
}
type Op = (...args: readonly unknown[]) => Tensor;
type Names = 'matMul' | 'softplus' | 'add' | 'mul' | 'div' | 'exp' | 'sigmoid';
type MoreNames = 'cumsum' | 'sum' | 'concat' | 'slice' | 'expandDims' | 'reshape' | 'zeros' | 'tensor';
interface Tf extends Readonly<Record<Names | MoreNames, Op>> {
  setBackend(name: string): Promise<boolean>;
  tidy(run: () => Tensor): Tensor;
}

/** Where the page's server has the bundle. */
const place = '/tfjs.js';

export class Tfjs implements Side {
  readonly name = 'tfjs-webgpu';
  readonly #tf: Tf;

  private constructor(tf: Tf) {
    this.#tf = tf;
  }

  static async open(): Promise<Tfjs> {
    const { tf } = (await import(place)) as { readonly tf: Tf };
    if (!(await tf.setBackend('webgpu'))) throw new Error('tfjs finds no WebGPU.');
    return new Tfjs(tf);
  }

  prepare(task: Task, inputs: Inputs): Prepared {
    const tf = this.#tf;
    const args: Record<string, Tensor> = {};
    for (const [name, { values, shape }] of Object.entries(inputs)) args[name] = tf.tensor(values, shape);
    return {
      async run() {
        const y = tf.tidy(() =>
          task.op === 'linear' ? tf.matMul(args['x'], args['weight'], false, true) : scan(tf, task, args),
        );
        const values = await y.data();
        y.dispose();
        return values;
      },
      dispose() {
        for (const each of Object.values(args)) each.dispose();
      },
    };
  }
}

function scan(tf: Tf, { L, D, N }: Extract<Task, { op: 'scan' }>, args: Record<string, Tensor>): Tensor {
  const { u, delta, A, B, C, D: skip, z, deltaBias } = args;
  const dt = tf.softplus(tf.add(delta, deltaBias));
  let h = tf.zeros([D, N]);
  const ys: Tensor[] = [];
  for (let start = 0; start < L; start += chunk) {
    const n = Math.min(chunk, L - start);
    const part = (x: Tensor | undefined, width: number): Tensor => tf.slice(x, [start, 0], [n, width]);
    const steps = part(dt, D);
    const W = tf.exp(tf.mul(tf.expandDims(tf.cumsum(steps, 0), 2), A));
    const inputs = tf.mul(tf.expandDims(tf.mul(steps, part(u, D)), 2), tf.expandDims(part(B, N), 1));
    const states = tf.mul(W, tf.add(tf.cumsum(tf.div(inputs, W), 0), h));
    ys.push(tf.sum(tf.mul(states, tf.expandDims(part(C, N), 1)), 2));
    h = tf.reshape(tf.slice(states, [n - 1, 0, 0], [1, D, N]), [D, N]);
  }
  const y = tf.add(tf.concat(ys, 0), tf.mul(skip, u));
  return tf.mul(y, tf.mul(z, tf.sigmoid(z)));
}
