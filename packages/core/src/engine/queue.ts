import { CallFailure } from '../backend.ts';
import { SsError } from '../errors.ts';
import type { Storage } from '../storage.ts';

/** Storages a submission reads and writes, so that a failure reaches everything computed from it. */
export interface Footprint {
  /** Who failed, for messages: an op with its shapes, or a program. */
  readonly label: string | ((callIndex: number | undefined) => string);
  readonly reads: readonly Storage[];
  readonly writes: readonly Storage[];
}

/**
 * The order of everything one engine does. A backend keeps its own order, so submissions go straight to it;
 * only work that the host must wait for (a fallback to another device) holds back what comes later.
 */
export class Queue {
  /** Set while later work must wait on the host. */
  #gate: Promise<void> | undefined;
  readonly #inFlight: Footprint[] = [];
  readonly #settling = new Set<Promise<void>>();
  #firstFailure: SsError | undefined;

  /** True while enqueued work waits on the host. */
  get held(): boolean {
    return this.#gate !== undefined;
  }

  /** Runs now if nothing holds the queue, later in order otherwise. `work` does not fail. */
  enqueue(work: () => void): void {
    if (this.#gate === undefined) work();
    else this.#hold(this.#gate.then(work));
  }

  /** Submits to the backend. What depends on a failed storage is not run but fails too. */
  submit(footprint: Footprint, work: () => void | Promise<void>): void {
    this.enqueue(() => {
      if (inheritFailure(footprint)) return;
      let done: void | Promise<void>;
      try {
        done = work();
      } catch (cause) {
        this.#fail(footprint, cause);
        return;
      }
      if (done !== undefined) this.#track(footprint, done);
    });
  }

  /** Work on the host that everything enqueued later waits for. */
  segment(footprint: Footprint, work: () => Promise<void>): void {
    const start = this.#gate ?? Promise.resolve();
    this.#hold(
      start.then(async () => {
        if (inheritFailure(footprint)) return;
        try {
          await work();
        } catch (cause) {
          this.#fail(footprint, cause);
        }
      }),
    );
  }

  /** Asks for something as of this point of the queue. */
  ask<T>(question: () => T | Promise<T>): T | Promise<T> {
    return this.#gate === undefined ? question() : this.#gate.then(question);
  }

  /** Resolves when everything enqueued so far has run. @throws SsError the first failure since the last call */
  async drain(): Promise<void> {
    while (this.#gate !== undefined || this.#settling.size > 0) {
      await this.#gate;
      await Promise.all(this.#settling);
    }
    const failure = this.#firstFailure;
    this.#firstFailure = undefined;
    if (failure) throw failure;
  }

  #hold(gate: Promise<void>): void {
    const held = gate.then(() => {
      if (this.#gate === held) this.#gate = undefined;
    });
    this.#gate = held;
  }

  #track(footprint: Footprint, done: Promise<void>): void {
    this.#inFlight.push(footprint);
    const settled = done
      .catch((cause: unknown) => {
        this.#fail(footprint, cause);
        // Later submissions are already on the device and computed from garbage: their results fail as well.
        for (const later of this.#inFlight.slice(this.#inFlight.indexOf(footprint) + 1))
          inheritFailure(later);
      })
      .finally(() => {
        this.#inFlight.splice(this.#inFlight.indexOf(footprint), 1);
        this.#settling.delete(settled);
      });
    this.#settling.add(settled);
  }

  #fail(footprint: Footprint, cause: unknown): void {
    const failure = asFailure(footprint, cause);
    this.#firstFailure ??= failure;
    for (const storage of footprint.writes) storage.failure = failure;
  }
}

function inheritFailure({ reads, writes }: Footprint): boolean {
  const failure = reads.find((storage) => storage.failure)?.failure;
  if (failure === undefined) return false;
  for (const storage of writes) storage.failure = failure;
  return true;
}

function asFailure({ label, writes }: Footprint, cause: unknown): SsError {
  const call = cause instanceof CallFailure ? cause : undefined;
  const reason: unknown = call?.cause ?? cause;
  const who = typeof label === 'string' ? label : label(call?.index);
  const state = writes.some((storage) => storage.mutable)
    ? ' The state it was writing is no longer valid.'
    : '';
  const coded =
    SsError.is(reason, 'device-lost') || SsError.is(reason, 'out-of-memory')
      ? reason.code
      : 'execution-failed';
  const message = reason instanceof Error ? reason.message : String(reason);
  return new SsError(coded, `${who} failed: ${message}${state}`, { cause: reason });
}
