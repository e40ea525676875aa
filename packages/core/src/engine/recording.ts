import type { Backend, BoundCall } from '../backend.ts';
import { untrack } from '../scope.ts';
import type { Storage } from '../storage.ts';
import type { Tensor } from '../tensor.ts';
import type { Arena, Device } from './device.ts';

/** One recorded call; `away` when the policy sends it to another backend. */
export interface Step {
  readonly call: BoundCall;
  readonly away: Backend | undefined;
}

/**
 * What a recording holds: its calls, the buffers it allocated, and the memory from outside that it reads.
 * A buffer whose last tensor is disposed while recording is handed to later ops of the same program.
 */
export class Recording implements Arena {
  readonly steps: Step[] = [];
  readonly #device: Device;
  readonly #copy: (from: Tensor, to: Tensor) => void;
  readonly #buffers = new Map<unknown, number>();
  readonly #free: { handle: unknown; byteLength: number }[] = [];
  readonly #own = new Set<Storage>();
  readonly #captured = new Set<Storage>();
  readonly #states = new Set<Storage>();
  readonly #kept: Tensor[] = [];
  #open = true;

  constructor(device: Device, copy: (from: Tensor, to: Tensor) => void) {
    this.#device = device;
    this.#copy = copy;
  }

  take(byteLength: number): unknown {
    const fit = this.#free
      .filter((b) => b.byteLength >= byteLength)
      .toSorted((a, b) => a.byteLength - b.byteLength)[0];
    // A much larger buffer is left for a tensor of its size.
    if (fit && fit.byteLength <= byteLength * 2) {
      this.#free.splice(this.#free.indexOf(fit), 1);
      return fit.handle;
    }
    const handle = this.#device.backend.alloc(byteLength, { zero: false });
    this.#buffers.set(handle, byteLength);
    return handle;
  }

  give({ handle }: Storage): void {
    if (this.#open) this.#free.push({ handle, byteLength: this.#buffers.get(handle)! });
  }

  add(step: Step, reads: readonly Storage[], writes: readonly Storage[]): void {
    this.steps.push(step);
    for (const storage of writes) (storage.mutable ? this.#states : this.#own).add(storage);
    for (const storage of reads) if (!this.#own.has(storage)) this.#capture(storage);
    for (const storage of writes) if (storage.mutable) this.#capture(storage);
  }

  /** Takes a tensor away from whatever scope is open and keeps it until the program is disposed. */
  keep(tensor: Tensor): void {
    untrack(tensor);
    this.#kept.push(tensor);
  }

  /** Enqueues a copy of a tensor into one of the program's inputs. */
  copyIn(from: Tensor, to: Tensor): void {
    this.#copy(from, to);
  }

  footprint(): { reads: readonly Storage[]; writes: readonly Storage[]; states: readonly Storage[] } {
    return { reads: [...this.#captured], writes: [...this.#own], states: [...this.#states] };
  }

  close(): void {
    this.#open = false;
  }

  dispose(): void {
    for (const tensor of this.#kept) tensor.dispose();
    for (const storage of this.#captured) storage.release();
    for (const handle of this.#buffers.keys()) this.#device.free(handle);
    this.#buffers.clear();
  }

  #capture(storage: Storage): void {
    if (this.#captured.has(storage)) return;
    this.#captured.add(storage.retain());
  }
}
