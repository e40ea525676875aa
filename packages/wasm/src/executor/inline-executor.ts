import type { Executor } from './executor.ts';
import { failureOf } from './failure.ts';
import { lead } from './team.ts';
import type { Place } from './team.ts';

/** Runs lists at once on the calling thread. */
export class InlineExecutor implements Executor {
  readonly #place: Place;
  #count = 0;

  constructor(place: Place) {
    this.#place = place;
  }

  get threads(): number {
    return this.#place.threads;
  }

  get enqueued(): number {
    return this.#count;
  }

  get completed(): number {
    return this.#count;
  }

  execute(list: number, release?: () => void): void {
    this.#count++;
    lead(this.#place, list);
    release?.();
    const failure = failureOf(this.#place.control);
    if (failure) throw failure;
  }

  dispose(): void {}
}
