import type { Backend, BoundCall } from '../backend.ts';
import { SsError } from '../errors.ts';
import { untrack } from '../scope.ts';
import type { Tracked } from '../scope.ts';
import type { Storage } from '../storage.ts';
import type { Arena, Device } from './device.ts';
import type { Footprint } from './queue.ts';

/** One recorded call; `away` when the policy sends it to another backend. */
export interface Step {
  readonly call: BoundCall;
  readonly away: Backend | undefined;
}

/**
 * What a recording holds: its calls, the buffers it allocated, and the memory from outside that it uses.
 * A buffer whose last tensor is disposed while recording is handed to later ops of the same program.
 */
export class Recording implements Arena {
  readonly steps: Step[] = [];
  readonly #device: Device;
  readonly #buffers = new Map<unknown, number>();
  readonly #free: { readonly handle: unknown; readonly byteLength: number; readonly bank: number }[] = [];
  /** Written by the program, over and over. */
  readonly #own = new Set<Storage>();
  /** Inputs, weights and states: kept alive until the program is disposed. */
  readonly #captured = new Set<Storage>();
  readonly #states = new Set<Storage>();
  readonly #kept: Tracked[] = [];
  #open = true;

  constructor(device: Device) {
    this.#device = device;
  }

  take(byteLength: number, bank: number): unknown {
    const fit = this.#free
      .filter((b) => b.bank === bank && b.byteLength >= byteLength)
      .toSorted((a, b) => a.byteLength - b.byteLength)[0];
    // A much larger buffer is left for a tensor of its size.
    if (fit && fit.byteLength <= byteLength * 2) {
      this.#free.splice(this.#free.indexOf(fit), 1);
      return fit.handle;
    }
    const handle = this.#device.backend.alloc(byteLength, { zero: false, bank });
    this.#buffers.set(handle, byteLength);
    return handle;
  }

  give({ handle, bank }: Storage): void {
    if (this.#open) this.#free.push({ handle, byteLength: this.#buffers.get(handle)!, bank });
  }

  add(step: Step, { reads, writes }: Omit<Footprint, 'label'>): void {
    this.steps.push(step);
    for (const storage of [...reads, ...writes]) {
      if (storage.pool !== this && !this.#captured.has(storage)) this.#captured.add(storage.retain());
    }
    for (const storage of writes) {
      if (storage.mutable) this.#states.add(storage);
      else {
        this.#own.add(storage);
        storage.failure = notRun;
      }
    }
  }

  /** Keeps what a scope would dispose until the program is disposed. */
  keep(value: Tracked): void {
    untrack(value);
    this.#kept.push(value);
  }

  /** What a whole run touches, and what a later part of it does, which reads what the parts before wrote. */
  footprints(): { readonly first: Omit<Footprint, 'label'>; readonly later: Omit<Footprint, 'label'> } {
    const reads = [...this.#captured];
    const writes = [...this.#own, ...this.#states];
    return { first: { reads, writes }, later: { reads: [...reads, ...this.#own], writes } };
  }

  close(): void {
    this.#open = false;
  }

  dispose(): void {
    for (const value of this.#kept) value.dispose();
    for (const storage of this.#captured) storage.release();
    for (const handle of this.#buffers.keys()) this.#device.free(handle);
    this.#buffers.clear();
  }
}

/** The first run overwrites it, as every run overwrites the failure of the one before. */
const notRun = new SsError('program-unprepared', 'The program that makes this tensor has not run yet.');
