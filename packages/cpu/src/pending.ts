import { CallFailure } from '@ss/core';
import type { TaskFailure } from './addon.ts';

interface Waiting {
  readonly task: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Promises of tasks, which end in the order of their numbers. */
export class Pending {
  #waiting: Waiting[] = [];

  add(task: number): Promise<void> {
    return new Promise((resolve, reject) => this.#waiting.push({ task, resolve, reject }));
  }

  /** Every task up to `completed` is over, and these of them failed. */
  settle(completed: number, failures: readonly TaskFailure[]): void {
    const failed = new Map(failures.map((failure) => [failure.task, failure]));
    const first = this.#waiting.findIndex(({ task }) => task > completed);
    for (const { task, resolve, reject } of this.#waiting.splice(0, first < 0 ? Infinity : first)) {
      const failure = failed.get(task);
      if (failure === undefined) resolve();
      else reject(asError(failure));
    }
  }

  rejectAll(error: unknown): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}

function asError({ call, message }: TaskFailure): Error {
  const cause = new Error(message);
  return call < 0 ? cause : new CallFailure(call, cause);
}
