import type { BoundCall, PreparedCalls } from '../backend.ts';
import { dtypes } from '../dtype.ts';
import type { DType } from '../dtype.ts';
import { SsError, throwIfAborted } from '../errors.ts';
import { host } from '../host.ts';
import { sameShape, show } from '../shape.ts';
import type { Shape } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { trace, tracing } from '../trace.ts';
import { describeCall } from './bind.ts';
import type { Device } from './device.ts';
import { runElsewhere } from './fallback.ts';
import type { Recording, Step } from './recording.ts';

/** Shape and dtype of a program's input. */
export interface InputSpec {
  readonly dtype: DType;
  readonly shape: Shape;
}

export type ProgramInputs<I> = { readonly [K in keyof I]: Tensor };

type Segment =
  | { readonly calls: readonly BoundCall[]; prepared?: PreparedCalls | undefined }
  | { readonly elsewhere: Step };

/**
 * A recorded straight-line list of ops with fixed shapes and addresses: one submission per run.
 * Its outputs are the same tensors every time; a read enqueued after a run sees that run, whatever follows.
 */
export class Program<
  I extends Record<string, InputSpec> = Record<string, InputSpec>,
  O = unknown,
> implements Disposable {
  readonly outputs: O;
  readonly #device: Device;
  readonly #recording: Recording;
  readonly #inputs: ProgramInputs<I>;
  #segments: Segment[] | undefined;
  #disposed = false;

  /** @internal */
  constructor(device: Device, recording: Recording, inputs: ProgramInputs<I>, outputs: O) {
    this.#device = device;
    this.#recording = recording;
    this.#inputs = inputs;
    this.outputs = outputs;
  }

  /** Number of ops it runs. */
  get length(): number {
    return this.#recording.steps.length;
  }

  /** Compiles the list once. @throws SsError `aborted`, or what the backend's compiler says */
  async prepare({ signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<this> {
    this.#requireOpen();
    const segments = split(this.#recording.steps);
    try {
      for (const segment of segments) {
        throwIfAborted(signal, 'preparing a program');
        if ('calls' in segment)
          segment.prepared = await this.#device.backend.prepare?.(segment.calls, { signal });
      }
    } catch (error) {
      disposeAll(segments);
      throw error;
    }
    disposeAll(this.#segments);
    this.#segments = segments;
    return this;
  }

  /**
   * Enqueues one run. Host inputs are copied before this returns.
   * @throws SsError `program-unprepared`, `program-input`
   */
  run(inputs: ProgramInputs<I>): O {
    this.#requireOpen();
    const segments = this.#segments;
    if (segments === undefined)
      throw new SsError('program-unprepared', 'A program must be prepared once before it runs.', {
        hint: 'await engine.prepare(program).',
      });
    this.#write(inputs);
    const { reads, writes, states } = this.#recording.footprint();
    const started = tracing() ? performance.now() : 0;
    // Last run's outputs are about to be overwritten, and so is what made them invalid.
    this.#device.queue.enqueue(() => {
      for (const storage of writes) storage.failure = undefined;
    });
    const all = [...writes, ...states];
    for (const segment of segments) {
      if ('elsewhere' in segment) {
        const { call, away } = segment.elsewhere;
        this.#device.queue.segment(
          { label: describeCall(call), reads: [...reads, ...states, ...writes], writes: all },
          () => runElsewhere(call, this.#device.backend, away!),
        );
      } else {
        const { calls, prepared } = segment;
        const label = (index: number | undefined): string =>
          index === undefined
            ? `A program of ${calls.length} ops`
            : `Op ${index} of a program, ${describeCall(calls[index]!)},`;
        this.#device.queue.submit({ label, reads: [...reads, ...states, ...writes], writes: all }, () =>
          prepared ? prepared.submit() : this.#device.backend.submit(calls),
        );
      }
    }
    if (tracing()) {
      trace({
        type: 'program',
        backend: this.#device.label,
        calls: this.length,
        milliseconds: performance.now() - started,
      });
      for (const { call, away } of this.#recording.steps) {
        trace({
          type: 'op',
          op: call.op,
          backend: (away ?? this.#device.backend).id,
          sizes: call.sizes,
          ...(away && { fallbackFrom: this.#device.label }),
        });
      }
    }
    return this.outputs;
  }

  /** Frees its buffers and outputs; captured weights and states stay with their owners. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    disposeAll(this.#segments);
    this.#recording.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #write(inputs: ProgramInputs<I>): void {
    for (const name of Object.keys(this.#inputs)) {
      const target = this.#inputs[name]!;
      const value = inputs[name];
      if (value === undefined || value.dtype !== target.dtype || !sameShape(value.shape, target.shape)) {
        const got = value === undefined ? 'was not given' : `is ${value.dtype} ${show(value.shape)}`;
        throw new SsError(
          'program-input',
          `The program's input ${name} ${got}; it was recorded as ${target.dtype} ${show(target.shape)}.`,
        );
      }
      if (value.storage.owner !== host || !value.contiguous) {
        this.#recording.copyIn(value, target);
        continue;
      }
      const size = dtypes[value.dtype].bytes;
      const bytes = value.storage.handle as Uint8Array;
      this.#device.writeBytes(
        target.storage,
        0,
        bytes.subarray(value.offset * size, (value.offset + value.size) * size),
      );
    }
  }

  #requireOpen(): void {
    if (this.#disposed) throw new SsError('program-unprepared', 'The program was used after dispose().');
  }
}

function split(steps: readonly Step[]): Segment[] {
  const segments: Segment[] = [];
  let calls: BoundCall[] | undefined;
  for (const step of steps) {
    if (step.away) {
      segments.push({ elsewhere: step });
      calls = undefined;
    } else if (calls) {
      calls.push(step.call);
    } else {
      segments.push({ calls: (calls = [step.call]) });
    }
  }
  return segments;
}

function disposeAll(segments: readonly Segment[] | undefined): void {
  for (const segment of segments ?? []) if ('calls' in segment) segment.prepared?.dispose();
}
