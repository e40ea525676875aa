import { Worker } from 'node:worker_threads';

/*
 * Starts workers that run an engine, and ends each at a moment of its own:
 *
 *     node test/worker-ends/end-workers.ts '{"how": "terminate", "count": 100, "work": {"backend": "cpu"}}'
 */

/** What a worker does. */
export interface Work {
  readonly backend: 'cpu' | 'wasm';
  /** With a model instead of ops. */
  readonly generates?: boolean;
  /** Of the backend. */
  readonly options?: object;
}

export interface Plan {
  /** `exit` ends the process as soon as one lane has met its moment. */
  readonly how: 'terminate' | 'exit';
  readonly count: number;
  readonly work: Work;
}

const lanes = 3;
/** How long a worker is given at most after it has started, so that some end while they load. */
const milliseconds = 40;

const { how, count, work } = JSON.parse(process.argv[2]!) as Plan;
let started = 0;
await Promise.all(Array.from({ length: lanes }, lane));
console.log(`${started} workers ended`);

async function lane(): Promise<void> {
  while (started < count) {
    const phase = started++ % 3 === 0 ? 'started' : 'busy';
    const worker = new Worker(new URL('busy-worker.ts', import.meta.url), { workerData: work });
    worker.on('error', (error) => {
      throw error;
    });
    await new Promise<void>((resolve) => {
      worker.on('message', (said) => said === phase && resolve());
    });
    // Every third at some moment of its loading, the others at some moment of their work.
    await new Promise((resolve) => setTimeout(resolve, Math.random() * milliseconds));
    if (how === 'exit') process.exit(0);
    await worker.terminate();
  }
}
