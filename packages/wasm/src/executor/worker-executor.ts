import type { SsError } from '@ss/core';
import { COMPLETED, ENQUEUED, POSTED, QUEUE, queueLength, queueWords, wake } from './control.ts';
import type { Crew } from './crew.ts';
import type { Errand, Executor } from './executor.ts';
import { failure } from './failure.ts';

interface Pending extends Errand {
  readonly list: number;
  resolve(): void;
  reject(error: Error): void;
}

/** Hands lists to a worker that runs them; the calling thread never waits. */
export class WorkerExecutor implements Executor {
  readonly threads: number;
  readonly lost: Promise<SsError>;
  readonly #crew: Crew;
  readonly #control: Int32Array;
  /** Handed over and not settled, oldest first; those beyond the queue's length are not in it yet. */
  #pending: Pending[] = [];
  #settled = 0;
  #queued = 0;

  constructor(crew: Crew, control: Int32Array, threads: number) {
    this.threads = threads;
    this.lost = crew.lost;
    this.#crew = crew;
    this.#control = control;
    crew.onRan = (): void => this.#settle();
  }

  get enqueued(): number {
    return this.#settled + this.#pending.length;
  }

  get completed(): number {
    // What has run is settled first: whoever sees the result must see a failure, too.
    if (this.#ahead() > 0) this.#settle();
    return this.#settled;
  }

  get failure(): SsError | undefined {
    return this.#crew.failure;
  }

  execute(list: number, errand: Errand): Promise<void> {
    if (this.#pending.length === 0) this.#crew.hold();
    const done = new Promise<void>((resolve, reject) => {
      this.#pending.push({ list, ...errand, resolve, reject });
    });
    this.#fill();
    return done;
  }

  dispose(): Promise<void> {
    return this.#crew.dispose();
  }

  /** Lists that have run since the last look. The shared word has 32 bits; the difference always fits. */
  #ahead(): number {
    return (Atomics.load(this.#control, COMPLETED) - this.#settled) | 0;
  }

  #fill(): void {
    const control = this.#control;
    const before = this.#queued;
    while (this.#queued < this.enqueued && this.#queued - this.#settled < queueLength) {
      const { list } = this.#pending[this.#queued - this.#settled]!;
      this.#queued++;
      control[QUEUE + (this.#queued % queueLength) * queueWords] = list;
    }
    if (this.#queued === before) return;
    Atomics.store(control, ENQUEUED, this.#queued | 0);
    wake(control, ENQUEUED);
  }

  #settle(): void {
    const control = this.#control;
    // Before the look at what has run, so that whatever runs later sends another message.
    Atomics.store(control, POSTED, 0);
    for (const { release, explain, resolve, reject } of this.#pending.splice(0, this.#ahead())) {
      const at = QUEUE + (++this.#settled % queueLength) * queueWords;
      const failed = failure(control, control[at + 1]!, control[at + 2]!);
      release();
      if (failed) reject(explain(failed));
      else resolve();
    }
    const lost = this.#crew.failure;
    if (lost) {
      for (const { release, reject } of this.#pending.splice(0)) {
        release();
        reject(lost);
      }
      return;
    }
    this.#fill();
    if (this.#pending.length === 0) this.#crew.rest();
  }
}
