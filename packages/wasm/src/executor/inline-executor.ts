import type { SsError } from '@ss/core';
import type { Crew } from './crew.ts';
import type { Errand, Executor } from './executor.ts';
import { lastFailure } from './failure.ts';
import { lead } from './team.ts';
import type { Place } from './team.ts';

/** Runs lists at once on the calling thread, with helpers where there is a crew. */
export class InlineExecutor implements Executor {
  #place: Place | undefined;
  readonly threads: number;
  readonly #crew: Crew | undefined;
  #count = 0;

  constructor(place: Place, crew?: Crew) {
    this.#place = place;
    this.threads = place.threads;
    this.#crew = crew;
  }

  get lost(): Promise<SsError> | undefined {
    return this.#crew?.lost;
  }

  get failure(): SsError | undefined {
    return this.#crew?.failure;
  }

  get enqueued(): number {
    return this.#count;
  }

  get completed(): number {
    return this.#count;
  }

  execute(list: number, { release, explain }: Errand): void {
    this.#count++;
    const place = this.#place!;
    lead(place, list);
    release();
    const failure = lastFailure(place.control);
    if (failure) throw explain(failure);
  }

  dispose(): Promise<void> | undefined {
    // Its kernels hold the memory.
    this.#place = undefined;
    return this.#crew?.dispose();
  }
}
