import type { SsError } from '@ss/core';

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
   * Takes one list. Returns nothing when it has run, or a promise of that; `release` is called once it has, or
   * never will.
   * @throws ListFailure, or rejects with it
   */
  execute(list: number, release?: () => void): void | Promise<void>;
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
