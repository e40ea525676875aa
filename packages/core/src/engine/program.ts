import type { BoundCall, PreparedCalls } from '../backend.ts';
import { dtypes } from '../dtype.ts';
import type { DType } from '../dtype.ts';
import { abortedError, SsError, throwIfAborted } from '../errors.ts';
import { host } from '../host.ts';
import { checkOptions, showValue } from '../options.ts';
import type { OptionNames } from '../options.ts';
import { printsItself } from '../prints-itself.ts';
import { sameShape, show } from '../shape.ts';
import type { Shape } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { trace, tracing } from '../trace.ts';
import { describeCall, isTensor } from './bind.ts';
import type { Device } from './device.ts';
import { runElsewhere } from './fallback.ts';
import type { Recording, Step } from './recording.ts';

/** Shape and dtype of a program's input. */
export interface InputSpec {
  readonly dtype: DType;
  readonly shape: Shape;
}

export const inputOptions: OptionNames<InputSpec> = { dtype: true, shape: true };
const prepareOptions = { signal: true } as const;

export type ProgramInputs<I> = { readonly [K in keyof I]: Tensor };

/** What a program is made of, by the engine that records it. */
export interface ProgramParts<I, O> {
  readonly recording: Recording;
  readonly inputs: ProgramInputs<I>;
  readonly outputs: O;
  /** Enqueues a copy into an input. */
  copy(from: Tensor, to: Tensor): void;
}

/** Calls for the engine's own backend, or one for another. */
type Segment = { readonly calls: readonly BoundCall[]; prepared?: PreparedCalls | undefined } | Elsewhere;
interface Elsewhere {
  readonly elsewhere: Step & { readonly away: object };
}

/**
 * A recorded straight-line list of ops with fixed shapes and addresses: one submission per run.
 * Its outputs are the same tensors every time; a read enqueued after a run sees that run, whatever follows.
 */
export class Program<
  I extends Record<string, InputSpec> = Record<string, InputSpec>,
  O = unknown,
> implements Disposable {
  readonly #device: Device;
  readonly #parts: ProgramParts<I, O>;
  #segments: readonly Segment[] | undefined;
  #disposed = false;

  static {
    printsItself(this, 'Program');
  }

  /** @internal */
  constructor(device: Device, parts: ProgramParts<I, O>) {
    this.#device = device;
    this.#parts = parts;
  }

  /** What `body` returned, to be read after a run. */
  get outputs(): O {
    return this.#parts.outputs;
  }

  /** Number of ops it runs. */
  get length(): number {
    return this.#parts.recording.steps.length;
  }

  /** Compiles the list once. @throws SsError `aborted`, or what the backend's compiler says */
  async prepare(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<this> {
    checkOptions('prepare()', options, prepareOptions);
    const { signal } = options;
    this.#requireOpen();
    const { backend } = this.#device;
    const segments = split(this.#parts.recording.steps);
    try {
      for (const segment of segments) {
        throwIfAborted(signal, 'preparing a program');
        if ('calls' in segment) segment.prepared = await backend.prepare?.(segment.calls, { signal });
      }
      throwIfAborted(signal, 'preparing a program');
      this.#requireOpen();
    } catch (error) {
      this.#disposeAll(segments);
      throw signal?.aborted ? abortedError(signal, 'preparing a program') : error;
    }
    this.#disposeAll(this.#segments);
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
    if (this.#device.arena)
      throw new SsError('recording-invalid', 'A program cannot run while another is being recorded.');
    this.#check(inputs);
    for (const [name, to] of Object.entries(this.#parts.inputs)) this.#write(inputs[name]!, to);
    const started = tracing() ? performance.now() : undefined;
    const { first, later } = this.#parts.recording.footprints();
    const over = segments.map((segment, i) => this.#submit(segment, i === 0 ? first : later));
    if (started !== undefined) this.#trace(over.every(Boolean) ? performance.now() - started : undefined);
    return this.outputs;
  }

  /** `24 ops on wasm from ids, uniform` */
  toString(): string {
    const inputs = Object.keys(this.#parts.inputs).join(', ') || 'nothing';
    return `${this.length} ops on ${this.#device.label} from ${inputs}${this.#disposed ? ', disposed' : ''}`;
  }

  /** Frees its buffers and outputs; captured weights and states stay with their owners. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#disposeAll(this.#segments);
    this.#parts.recording.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #submit(segment: Segment, footprint: ReturnType<Recording['footprints']>['first']): boolean {
    const { backend, queue } = this.#device;
    if ('elsewhere' in segment) {
      const { call, away } = segment.elsewhere;
      const label = describeCall(call);
      return queue.segment({ label, ...footprint }, () => runElsewhere(call, backend, away));
    }
    const { calls, prepared } = segment;
    const label = (index: number | undefined): string =>
      index === undefined
        ? `A program of ${calls.length} ops`
        : `Op ${index} of a program, ${describeCall(calls[index]!)},`;
    return queue.submit({ label, ...footprint }, () =>
      prepared ? prepared.submit() : backend.submit(calls),
    );
  }

  #trace(milliseconds: number | undefined): void {
    const backend = this.#device.label;
    trace({
      type: 'program',
      backend,
      calls: this.length,
      ...(milliseconds !== undefined && { milliseconds }),
    });
    for (const { call, away } of this.#parts.recording.steps) {
      const who = away ? { backend: away.id, fallbackFrom: backend } : { backend };
      trace({ type: 'op', op: call.op, sizes: call.sizes, ...who });
    }
  }

  #check(inputs: ProgramInputs<I>): void {
    if (typeof inputs !== 'object' || inputs === null) {
      throw new SsError('program-input', `run() takes an object of inputs, not ${showValue(inputs)}.`);
    }
    for (const [name, to] of Object.entries(this.#parts.inputs)) {
      const value: Tensor | undefined = inputs[name];
      if (value !== undefined && value.dtype === to.dtype && sameShape(value.shape, to.shape)) {
        this.#device.requireOwn(value, `The program's input ${name}`);
        continue;
      }
      const got =
        value === undefined
          ? 'was not given'
          : isTensor(value)
            ? `is ${value.dtype} ${show(value.shape)}`
            : `is ${showValue(value)}, which is not a tensor`;
      throw new SsError(
        'program-input',
        `The program's input ${name} ${got}; it was recorded as ${to.dtype} ${show(to.shape)}.`,
      );
    }
    const unknown = Object.keys(inputs).find((name) => !Object.hasOwn(this.#parts.inputs, name));
    if (unknown !== undefined)
      throw new SsError('program-input', `The program was recorded without an input ${unknown}.`);
  }

  #write(value: Tensor, to: Tensor): void {
    const { storage } = value;
    if (storage === to.storage) return;
    if (storage.owner !== host || !value.contiguous) {
      this.#parts.copy(value, to);
      return;
    }
    const { bytes } = dtypes[value.dtype];
    const data = storage.handle as Uint8Array;
    this.#device.write(to.storage, data.subarray(value.offset * bytes, (value.offset + value.size) * bytes));
  }

  #disposeAll(segments: readonly Segment[] = []): void {
    for (const segment of segments) {
      if (!('calls' in segment) || !segment.prepared) continue;
      const { prepared } = segment;
      this.#device.finally('Disposing a program', () => prepared.dispose());
    }
  }

  #requireOpen(): void {
    this.#device.requireOpen();
    if (this.#disposed) throw new SsError('program-unprepared', 'The program was used after dispose().');
  }
}

function split(steps: readonly Step[]): Segment[] {
  const segments: Segment[] = [];
  let calls: BoundCall[] | undefined;
  for (const { call, away } of steps) {
    if (away) {
      segments.push({ elsewhere: { call, away } });
      calls = undefined;
    } else if (calls) {
      calls.push(call);
    } else {
      segments.push({ calls: (calls = [call]) });
    }
  }
  return segments;
}
