import { createRegistry } from '@ss/core';
import type { Engine, Tensor } from '@ss/core';
import { webgpu } from '@ss/webgpu';
import type { Inputs, Prepared, Side, Task } from './side.ts';

/** What has an axis of batches. */
const sequences = ['u', 'delta', 'B', 'C', 'z'];

/** One op each. */
export class Ours implements Side {
  readonly name = '@ss/webgpu';
  readonly #engine: Engine;

  private constructor(engine: Engine) {
    this.#engine = engine;
  }

  static async open(): Promise<Ours> {
    return new Ours(await createRegistry([webgpu()]).select({ require: 'webgpu' }));
  }

  prepare(task: Task, inputs: Inputs): Prepared {
    const engine = this.#engine;
    const args: Record<string, Tensor> = {};
    for (const [name, { values, shape }] of Object.entries(inputs)) {
      args[name] = engine.tensor(values, sequences.includes(name) ? [1, ...shape] : shape);
    }
    return {
      async run() {
        const op = task.op === 'linear' ? 'linear' : 'selectiveScan';
        const options = task.op === 'linear' ? {} : { softplus: true };
        using y = engine.call(op, { ...args, ...options })['y']!;
        return (await y.read()) as Float32Array;
      },
      dispose() {
        for (const each of Object.values(args)) each.dispose();
      },
    };
  }
}
