import { CallFailure } from '../backend.ts';
import { SsError } from '../errors.ts';
import type { Storage } from '../storage.ts';

/**
 * Storages that a piece of work reads and writes, so that a failure reaches everything computed from it.
 * What is written but not read is overwritten whole: what failed there before no longer matters.
 */
export interface Footprint {
  /** Who failed, for messages: an op with its shapes, or a program. */
  readonly label: string | ((callIndex: number | undefined) => string);
  readonly reads: readonly Storage[];
  readonly writes: readonly Storage[];
}

/** Work that the device has and has not finished. */
interface InFlight extends Footprint {
  /** Set when it failed, or read what earlier work that failed should have written. */
  failure?: SsError;
  /** Never rejects. */
  settled: Promise<void>;
}

/**
 * The order of everything one engine does. A backend keeps its own order, so work goes straight to it;
 * only what the host must wait for (a fallback to another device) holds back what comes later.
 */
export class Queue {
  /** Set while later work must wait on the host; never rejects. */
  #gate: Promise<void> | undefined;
  readonly #inFlight: InFlight[] = [];
  #firstFailure: SsError | undefined;

  /** True while enqueued work waits on the host. */
  get held(): boolean {
    return this.#gate !== undefined;
  }

  /**
   * Hands work to the backend, now or when the host has caught up. What depends on a failed storage is not
   * run but fails too.
   * @returns true when it is over already
   */
  submit(footprint: Footprint, work: () => void | Promise<void>): boolean {
    if (this.#gate === undefined) return this.#start(footprint, work);
    this.#hold(this.#gate.then(() => void this.#start(footprint, work)));
    return false;
  }

  /** Work on the host, between what was enqueued before and everything enqueued later. */
  segment(footprint: Footprint, work: () => Promise<void>): false {
    this.#hold(this.#runSegment(footprint, work));
    return false;
  }

  /** An answer as of this point of the queue. @throws SsError the failure of what it reads */
  async ask<T>(footprint: Footprint, question: () => T | Promise<T>): Promise<T> {
    if (this.#gate !== undefined) await this.#gate;
    const inherited = passOn(footprint);
    if (inherited) throw inherited;
    const answer = (async () => question())();
    const asked = this.#track(footprint, answer);
    await asked.settled;
    if (asked.failure) throw asked.failure;
    return answer;
  }

  /** Resolves when everything enqueued so far has run. @throws SsError the first failure since the last call */
  async drain(): Promise<void> {
    while (this.#gate !== undefined || this.#inFlight.length > 0) {
      await this.#gate;
      await this.#settled();
    }
    const failure = this.#firstFailure;
    this.#firstFailure = undefined;
    if (failure) throw failure;
  }

  async #runSegment(footprint: Footprint, work: () => Promise<void>): Promise<void> {
    await this.#gate;
    await this.#settled();
    if (passOn(footprint)) return;
    try {
      await work();
    } catch (cause) {
      this.#fail(footprint, cause, []);
    }
  }

  #start(footprint: Footprint, work: () => void | Promise<void>): boolean {
    if (passOn(footprint)) return true;
    try {
      const done = work();
      if (done === undefined) return true;
      this.#track(footprint, done);
      return false;
    } catch (cause) {
      this.#fail(footprint, cause, []);
      return true;
    }
  }

  #hold(gate: Promise<void>): void {
    const held = gate.then(() => {
      if (this.#gate === held) this.#gate = undefined;
    });
    this.#gate = held;
  }

  /** Whatever order the answers of a device arrive in, work is over in the order in which it was submitted. */
  #track(footprint: Footprint, done: Promise<unknown>): InFlight {
    const own: InFlight = { ...footprint, settled: Promise.resolve() };
    const before = this.#settled();
    this.#inFlight.push(own);
    // Its failure is looked at below, when its turn comes.
    done.catch(() => undefined);
    own.settled = before
      .then(() => done)
      .then(
        () => undefined,
        (cause: unknown) => {
          own.failure ??= this.#fail(footprint, cause, this.#inFlight.slice(1));
        },
      )
      .finally(() => this.#inFlight.shift());
    return own;
  }

  async #settled(): Promise<void> {
    await this.#inFlight.at(-1)?.settled;
  }

  /** Follows the failure through `later` work, which is on the device already and computes from garbage. */
  #fail(footprint: Footprint, cause: unknown, later: readonly InFlight[]): SsError {
    const failure = asFailure(footprint, cause);
    this.#firstFailure ??= failure;
    const bad = new Set(footprint.writes);
    for (const work of later) {
      const reached = work.reads.some((storage) => bad.has(storage));
      if (reached) work.failure ??= failure;
      for (const storage of work.writes) {
        if (reached) bad.add(storage);
        else bad.delete(storage);
      }
    }
    for (const storage of bad) storage.failure ??= failure;
    return failure;
  }
}

function passOn({ reads, writes }: Footprint): SsError | undefined {
  const failure = reads.find((storage) => storage.failure)?.failure;
  for (const storage of writes) if (failure || !reads.includes(storage)) storage.failure = failure;
  return failure;
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
