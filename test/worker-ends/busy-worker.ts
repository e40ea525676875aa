import { parentPort, workerData } from 'node:worker_threads';
import type { Engine } from '@ss/core';
import type { Work } from './end-workers.ts';

/** A worker that never ends by itself. It says `started` before it loads anything, and `busy` when work goes on. */

const work = workerData as Work;
parentPort!.postMessage('started');
const { createRegistry } = await import('@ss/core');
const engine =
  work.backend === 'cpu'
    ? await createRegistry([(await import('@ss/cpu')).cpu({ threads: 2 })]).select({ require: 'cpu' })
    : await createRegistry([(await import('@ss/wasm')).wasm(work.options)]).select({ require: 'wasm' });
if (work.generates) await generate(engine);
else await runOps(engine);

async function runOps(on: Engine): Promise<never> {
  // Large enough to be shared among threads, and to be read by a task of the queue.
  const x = on.zeros([512, 600]);
  parentPort!.postMessage('busy');
  for (;;) {
    using y = on.silu({ x });
    using small = on.add({ a: y.slice(0, 0, 1), b: y.slice(0, 1, 2) });
    await Promise.all([y.read(), small.read()]);
  }
}

async function generate(on: Engine): Promise<never> {
  const { randomModel } = await import('@ss/mamba');
  const model = await randomModel({ dModel: 32, layers: 2, vocabulary: 64 }, { engine: on });
  parentPort!.postMessage('busy');
  for (;;) {
    for await (const _ of model.generate([1, 2, 3], { maxTokens: 1000, temperature: 1 }));
  }
}
