import { SsError, abortedError } from '@ss/core';
import type { Surroundings } from '../surroundings.ts';
import type { Start } from '../worker/start.ts';
import { startThread } from './thread.ts';
import type { Thread } from './thread.ts';

const hint = 'Where a policy forbids blob: workers, wasm({ workerUrl }) names the script @ss/wasm/worker.';

export interface CrewOptions extends Omit<Start, 'thread' | 'coordinator'> {
  /** Thread 0 is a worker too. */
  readonly coordinator: boolean;
  readonly workerUrl: string | URL | undefined;
  readonly workerThreads: Surroundings['workerThreads'];
  readonly signal: AbortSignal | undefined;
}

/** The workers of one backend: started together, and lost together when one of them dies. */
export class Crew {
  readonly lost: Promise<SsError>;
  readonly #threads: Thread[] = [];
  /** Called when lists have run. */
  onRan: () => void = () => undefined;
  #failure: SsError | undefined;
  #ended = false;
  #reportLoss: (error: SsError) => void = () => undefined;

  private constructor() {
    this.lost = new Promise((resolve) => {
      this.#reportLoss = resolve;
    });
  }

  /** @throws SsError `backend-unavailable` when workers cannot be started here, `aborted` */
  static async start({
    coordinator,
    workerUrl,
    workerThreads,
    signal,
    ...shared
  }: CrewOptions): Promise<Crew> {
    const crew = new Crew();
    const first = coordinator ? 0 : 1;
    try {
      await new Promise<void>((resolve, reject) => {
        let ready = 0;
        const abort = (): void => reject(abortedError(signal!, 'starting the threads of wasm'));
        signal?.addEventListener('abort', abort, { once: true });
        for (let thread = first; thread < shared.threads; thread++) {
          const worker = startThread({
            name: `ss wasm ${thread}`,
            workerUrl,
            workerThreads,
            heard(what) {
              if (what === 'ran') crew.onRan();
              else if (++ready === shared.threads - first) {
                signal?.removeEventListener('abort', abort);
                resolve();
              }
            },
            died(why) {
              reject(
                new SsError('backend-unavailable', `The threads of wasm do not start: ${why}.`, { hint }),
              );
              crew.#lose(`Thread ${thread} of wasm is gone: ${why}.`);
            },
          });
          worker.hold();
          worker.post({ ...shared, thread, coordinator: coordinator && thread === 0 });
          crew.#threads.push(worker);
        }
      });
    } catch (error) {
      await crew.dispose();
      throw error;
    }
    for (const thread of crew.#threads) thread.rest();
    return crew;
  }

  /** Why it cannot work any more. */
  get failure(): SsError | undefined {
    return this.#failure;
  }

  /** Keeps the process alive while work is pending: thread 0 is the one that tells about it. */
  hold(): void {
    this.#threads[0]?.hold();
  }

  rest(): void {
    // While it ends, its exit is awaited: a late message must not let the process end before.
    if (!this.#ended) this.#threads[0]?.rest();
  }

  /** What is pending is never run. */
  async dispose(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    this.#failure ??= new SsError('engine-disposed', 'The wasm backend was disposed.');
    this.onRan();
    // Threads hold the memory.
    await Promise.all(this.#threads.splice(0).map((thread) => thread.terminate()));
  }

  #lose(message: string): void {
    if (this.#ended) return;
    this.#failure = new SsError('device-lost', message, { hint: 'Select a backend again.' });
    this.#reportLoss(this.#failure);
    this.onRan();
    void this.dispose();
  }
}
