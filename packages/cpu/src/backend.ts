import { isContiguous, refuse, SsError, throwIfAborted } from '@ss/core';
import type {
  Assessment,
  Backend,
  BoundCall,
  DeviceInfo,
  MemoryInfo,
  OpCall,
  OpName,
  Packing,
  PreparedCalls,
  Refusal,
  TensorSpec,
  WeightDType,
} from '@ss/core';
import type { Addon, NativeDevice } from './addon.ts';
import { CallWriter } from './encode.ts';
import { Pending } from './pending.ts';

type Calls = readonly BoundCall<number>[];

/**
 * Memory that was freed is kept for as long as this to be handed out again, twice as long at most: steps of a training
 * loop or of a generation follow each other faster.
 */
const windowMilliseconds = 2000;

/** The contract's backend over a native queue. Its buffers are numbers. */
export class CpuBackend implements Backend<number> {
  readonly id = 'cpu';
  readonly device: DeviceInfo;
  readonly ops: readonly OpName[];
  readonly #addon: Addon;
  readonly #threads: number;
  readonly #writer: CallWriter;
  readonly #pending: Pending = new Pending();
  readonly #native: NativeDevice;
  /** Runs while there is memory that may have to be given back. */
  #window: NodeJS.Timeout | undefined;
  #disposing: Promise<void> | undefined;

  /** @throws Error when the system starts not a single thread */
  constructor(addon: Addon, threads: number) {
    this.ops = addon.ops.map(({ name }) => name as OpName);
    this.#addon = addon;
    this.#writer = new CallWriter(addon);
    this.#native = new addon.Device(threads, (completed, failures) =>
      this.#pending.settle(completed, failures),
    );
    this.#threads = this.#native.threads();
    const limit = `threads ${this.#threads} of ${threads}: the system starts no more`;
    this.device = {
      kind: 'cpu',
      name: 'native',
      facts: { isa: addon.isa(), threads: this.#threads, ...(this.#threads < threads && { limit }) },
    };
  }

  assess(call: OpCall): Assessment {
    const strange = this.#strange(call);
    if (strange) return strange;
    const writer = this.#writer;
    writer.writeSpecs(call);
    const answer = this.#addon.assess(writer.words, writer.length, this.#threads);
    if (answer.code !== undefined)
      return refuse({ code: answer.code, message: answer.message, origin: 'request' });
    const { bitwise, contiguous, scratchBytes, flops, bytes, notes } = answer;
    const { inputs } = this.#addon.ops.find(({ name }) => name === call.op)!;
    return {
      ok: true,
      numerics: bitwise ? 'bitwise' : 'tolerance',
      cost: { flops, bytes },
      ...(scratchBytes > 0 && { scratchBytes }),
      ...(contiguous !== 0 && {
        contiguous: inputs.filter((name, i) => {
          const given = (contiguous >>> i) & 1 ? call.inputs[name] : undefined;
          return given !== undefined && !isContiguous(given);
        }),
      }),
      ...(notes && { notes }),
    };
  }

  packing({ shape }: TensorSpec, as: WeightDType): Packing | undefined {
    const packed = this.#addon.packing(shape[0]!, shape[1]!, this.#writer.dtype(as));
    return packed && { format: packed[0], byteLength: packed[1] };
  }

  submit(calls: Calls): Promise<void> {
    this.#requireOpen();
    this.#writer.writeCalls(calls);
    return this.#pending.add(this.#native.submit(this.#writer.words, this.#writer.length));
  }

  async prepare(
    calls: Calls,
    { signal }: { readonly signal?: AbortSignal | undefined },
  ): Promise<PreparedCalls> {
    throwIfAborted(signal, 'preparing a program');
    this.#requireOpen();
    const native = this.#native;
    this.#writer.writeCalls(calls);
    const [list, planned] = native.prepare(this.#writer.words, this.#writer.length);
    await this.#pending.add(planned);
    return {
      submit: () => {
        this.#requireOpen();
        return this.#pending.add(native.run(list));
      },
      dispose: () => native.release(list),
    };
  }

  alloc(byteLength: number, { zero }: { readonly zero: boolean }): number {
    this.#requireOpen();
    const buffer = this.#native.alloc(byteLength, zero);
    if (buffer !== 0) return buffer;
    throw new SsError('out-of-memory', `The system has no ${byteLength} bytes left.`, {
      details: { requested: byteLength, ...this.memory() },
    });
  }

  free(buffer: number): void {
    if (this.#disposing) return;
    this.#native.free(buffer);
    if (this.#window === undefined) this.#startWindow();
  }

  write(buffer: number, byteOffset: number, bytes: Uint8Array): void {
    this.#requireOpen();
    this.#native.write(buffer, byteOffset, bytes);
  }

  read(buffer: number, byteOffset: number, byteLength: number): Uint8Array | Promise<Uint8Array> {
    this.#requireOpen();
    const into = new Uint8Array(byteLength);
    const task = this.#native.read(buffer, byteOffset, into);
    return task === 0 ? into : this.#pending.add(task).then(() => into);
  }

  memory(): MemoryInfo {
    const [liveBytes, liveBuffers, reservedBytes] = this.#native.memory();
    return { liveBytes, liveBuffers, reservedBytes };
  }

  /** How often memory was taken from the system. */
  get reservations(): number {
    return this.#native.memory()[3];
  }

  trim(): void {
    this.#requireOpen();
    this.#native.trim();
  }

  /** What is pending is dropped: the op that runs ends early. */
  dispose(): Promise<void> {
    clearTimeout(this.#window);
    return (this.#disposing ??= new Promise((ended) => {
      this.#native.dispose(ended);
      this.#pending.rejectAll(disposed());
    }));
  }

  /** Keeps no process alive. */
  #startWindow(): void {
    this.#window = setTimeout(() => {
      this.#window = undefined;
      if (this.#native.endWindow()) this.#startWindow();
    }, windowMilliseconds).unref();
  }

  #requireOpen(): void {
    if (this.#disposing) throw disposed();
  }

  /** What the addon has no words for. */
  #strange({ inputs, outputs }: OpCall): Refusal | undefined {
    const { maxAxes } = this.#addon;
    for (const [name, { shape, format }] of [...Object.entries(inputs), ...Object.entries(outputs)]) {
      if (!this.#writer.knowsFormat(format))
        return refuse({
          code: 'weight-packed',
          message: `${name} is packed for another backend (${format})`,
          origin: 'request',
        });
      if (shape.length > maxAxes)
        return refuse({
          code: 'rank-unsupported',
          message: `cpu takes tensors of up to ${maxAxes} axes; ${name} has ${shape.length}`,
          origin: 'request',
        });
    }
    return undefined;
  }
}

function disposed(): SsError {
  return new SsError('engine-disposed', 'The cpu backend was disposed.');
}
