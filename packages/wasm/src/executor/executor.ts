import type { SsError } from '@ss/core';

/** What comes with a list. */
export interface Errand {
  /** Called once the list has run, or never will. */
  release(): void;
  explain(failure: ListFailure): Error;
}

/** Who runs command lists, in the order they are handed over. */
export interface Executor {
  /** How many lists have been handed over. */
  readonly enqueued: number;
  /** How many have run; memory they used is the host's again. */
  readonly completed: number;
  readonly threads: number;
  /** Resolves when a thread has died. */
  readonly lost?: Promise<SsError> | undefined;
  /** Set when a thread has died: nothing can be executed any more. */
  readonly failure: SsError | undefined;
  /**
   * Takes one list. Returns nothing when it has run, or a promise of that.
   * @throws what `explain` makes of a failure, or rejects with it
   */
  execute(list: number, errand: Errand): void | Promise<void>;
  dispose(): void | Promise<void>;
}

/** A command of a list did not succeed. */
export class ListFailure extends Error {
  /** Which command of the list. */
  readonly index: number;
  readonly status: number;
  constructor(index: number, status: number, message: string) {
    super(message);
    this.index = index;
    this.status = status;
  }
}
