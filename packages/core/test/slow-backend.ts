import { CallFailure } from '../src/backend.ts';
import type { Backend, BoundCall, OpCall, Packing, PreparedCalls, TensorSpec } from '../src/backend.ts';
import type { OpName } from '../src/ops/op.ts';
import { kernels } from '../src/reference/kernels.ts';

export interface SlowBackendOptions {
  readonly id?: string;
  /** default: every op of the reference */
  readonly ops?: readonly OpName[];
  /** arguments that must be dense, by op */
  readonly contiguous?: Partial<Record<OpName, readonly string[]>>;
  readonly scratchBytes?: number;
  readonly prepares?: boolean;
  readonly packing?: (weight: TensorSpec) => Packing | undefined;
}

/**
 * The reference's kernels behind a device that does nothing before the next turn of the event loop, in the
 * order it was told. Freed buffers are handed out again at once and start with garbage, as the contract allows.
 */
export class SlowBackend implements Backend<Uint8Array> {
  readonly id: string;
  readonly device: Backend['device'] = { kind: 'gpu', name: 'slow', facts: { turns: 1 } };
  readonly ops: readonly OpName[];
  readonly lost: Promise<never>;
  lose!: (error: unknown) => void;
  /** Ops that fail while they are in here, with the message. */
  readonly failing: Map<OpName, unknown> = new Map();
  /** What happened on the device, in order. */
  readonly log: string[] = [];
  disposed = false;
  /** Prepared lists that were not disposed. */
  prepared = 0;
  prepare?: NonNullable<Backend<Uint8Array>['prepare']>;
  packing?: NonNullable<Backend['packing']>;
  readonly #options: SlowBackendOptions;
  readonly #live = new Set<Uint8Array>();
  readonly #pool: Uint8Array[] = [];
  #chain: Promise<unknown> = Promise.resolve();

  constructor(options: SlowBackendOptions = {}) {
    this.#options = options;
    this.id = options.id ?? 'slow';
    this.ops = options.ops ?? (Object.keys(kernels) as OpName[]);
    this.lost = new Promise((resolve) => (this.lose = resolve as never));
    if (options.prepares) this.prepare = (calls) => this.#prepare(calls);
    if (options.packing) this.packing = options.packing;
  }

  assess(call: OpCall): ReturnType<Backend['assess']> {
    const { contiguous = {}, scratchBytes = 0 } = this.#options;
    return { ok: true, numerics: 'bitwise', contiguous: contiguous[call.op] ?? [], scratchBytes };
  }

  submit(calls: readonly BoundCall<Uint8Array>[]): Promise<void> {
    return this.#later(() => this.#execute(calls));
  }

  alloc(byteLength: number, { zero }: { readonly zero: boolean }): Uint8Array {
    const index = this.#pool.findIndex((buffer) => buffer.byteLength === byteLength);
    const buffer = index < 0 ? new Uint8Array(byteLength) : this.#pool.splice(index, 1)[0]!;
    this.#live.add(buffer);
    void this.#later(() => buffer.fill(zero ? 0 : 0xff));
    return buffer;
  }

  free(buffer: Uint8Array): void {
    this.#require(buffer);
    this.#live.delete(buffer);
    this.#pool.push(buffer);
  }

  write(buffer: Uint8Array, byteOffset: number, bytes: Uint8Array): void {
    this.#require(buffer);
    const copy = bytes.slice();
    void this.#later(() => buffer.set(copy, byteOffset));
  }

  read(buffer: Uint8Array, byteOffset: number, byteLength: number): Promise<Uint8Array> {
    this.#require(buffer);
    return this.#later(() => buffer.slice(byteOffset, byteOffset + byteLength));
  }

  memory(): ReturnType<Backend['memory']> {
    let liveBytes = 0;
    for (const { byteLength } of this.#live) liveBytes += byteLength;
    return { liveBytes, liveBuffers: this.#live.size, reservedBytes: liveBytes };
  }

  async dispose(): Promise<void> {
    await this.#chain;
    this.disposed = true;
  }

  #execute(calls: readonly BoundCall<Uint8Array>[]): void {
    for (const [index, call] of calls.entries()) {
      this.log.push(call.op);
      if (this.failing.has(call.op)) throw new CallFailure(index, this.failing.get(call.op));
      call.scratch?.fill(0xee);
      if (call.op === 'pack') {
        const { weight, packed } = { ...call.inputs, ...call.outputs } as Record<
          string,
          { buffer: Uint8Array }
        >;
        packed!.buffer.set(weight!.buffer.subarray(0, packed!.buffer.byteLength));
      } else kernels[call.op]!.run(call);
    }
  }

  async #prepare(calls: readonly BoundCall<Uint8Array>[]): Promise<PreparedCalls> {
    await this.#later(() => undefined);
    this.prepared++;
    let open = true;
    return {
      submit: () => {
        if (!open) throw new Error('A prepared list ran after it was disposed.');
        return this.#later(() => {
          this.log.push(`program of ${calls.length}`);
          this.#execute(calls);
        });
      },
      dispose: () => {
        open = false;
        this.prepared--;
      },
    };
  }

  #require(buffer: Uint8Array): void {
    if (this.disposed) throw new Error('The device was used after it was disposed.');
    if (!this.#live.has(buffer)) throw new Error('A buffer was used after it was freed.');
  }

  #later<T>(work: () => T): Promise<T> {
    const done = this.#chain.then(() => new Promise((resolve) => setImmediate(resolve))).then(work);
    this.#chain = done.catch(() => undefined);
    return done;
  }
}
