import type { DType, FloatDType } from './dtype.ts';
import type { SsError } from './errors.ts';
import type { OpName } from './ops/op.ts';
import type { Layout } from './shape.ts';

/** The version of this contract. A backend written for another one is refused with a sentence. */
export const backendApiVersion = 1;

/** What a tensor argument looks like, without its memory. */
export interface TensorSpec extends Layout {
  readonly dtype: DType;
  /** The backend's own name of a packed layout; strides then mean nothing. */
  readonly format?: string | undefined;
}

/** A call as `assess` sees it: validated, shapes inferred, no memory attached. */
export interface OpCall {
  readonly op: OpName;
  /** Given tensor arguments by name, `inout` ones included; optional ones that were not given are absent. */
  readonly inputs: Readonly<Record<string, TensorSpec>>;
  readonly outputs: Readonly<Record<string, TensorSpec>>;
  /** Names among `inputs` that the op writes in place. */
  readonly inout: readonly string[];
  readonly options: Readonly<Record<string, unknown>>;
  /** The op's named extents, such as B, L, D, N, G. */
  readonly sizes: Readonly<Record<string, number>>;
}

/** A tensor argument with its memory: `buffer` is what the backend's own `alloc` returned. */
export interface TensorArg<Buffer = unknown> extends TensorSpec {
  readonly buffer: Buffer;
}

/** A call ready to run. Kernels only fill `outputs` (and `inout` inputs); they never allocate. */
export interface BoundCall<Buffer = unknown> extends Omit<OpCall, 'inputs' | 'outputs'> {
  readonly inputs: Readonly<Record<string, TensorArg<Buffer>>>;
  readonly outputs: Readonly<Record<string, TensorArg<Buffer>>>;
  /** `scratchBytes` of the plan, when it asked for any; contents undefined. */
  readonly scratch: Buffer | undefined;
}

/** Why a backend cannot do something, and where that comes from. */
export interface Blocker {
  readonly code: string;
  readonly message: string;
  readonly origin: 'environment' | 'install' | 'request' | 'device';
  /** What would make it work. */
  readonly fix?: string;
}

/** How a backend would run a call. */
export interface Plan {
  readonly ok: true;
  readonly scratchBytes?: number;
  /** Arguments that must be dense in row-major order; the engine copies those that are not, and says so in the trace. */
  readonly contiguous?: readonly string[];
  /** `bitwise`: any chunking of the sequence gives the same bits; `tolerance`: only within the op's tolerance. */
  readonly numerics: 'bitwise' | 'tolerance';
  readonly cost?: Cost;
  readonly notes?: readonly string[];
}

export interface Cost {
  readonly flops: number;
  readonly bytes: number;
}

export interface Refusal {
  readonly ok: false;
  readonly blockers: readonly [Blocker, ...Blocker[]];
}

export type Assessment = Plan | Refusal;

export interface DeviceInfo {
  readonly kind: 'cpu' | 'gpu' | 'npu';
  readonly name: string;
  /** Facts for people: instruction set, threads, driver, adapter. */
  readonly facts: Readonly<Record<string, string | number | boolean>>;
}

/** Bytes and buffers a backend holds at this moment. */
export interface MemoryInfo {
  readonly liveBytes: number;
  readonly liveBuffers: number;
  /** Bytes taken from the device, free lists included. */
  readonly reservedBytes: number;
}

/** A fixed list of calls made ready to run as one submission, many times. */
export interface PreparedCalls {
  /** As {@link Backend.submit} for the whole list. */
  submit(): void | Promise<void>;
  /** In the order of the calls, as `free`: runs submitted before it finish. */
  dispose(): void;
}

/** How a buffer will be used. */
export interface AllocOptions {
  readonly zero: boolean;
  /**
   * A hint for devices that bind large buffers whole and read faster from those that nobody writes: 0 (the default) for
   * weights and what the host fills, 1 for state, from 2 on for results, each in another bank than what it is made of.
   */
  readonly bank?: number;
}

/**
 * What a backend author writes. The engine alone validates, infers shapes, allocates, copies, falls back
 * and traces; a backend holds memory and fills outputs. One op is enough.
 *
 * Everything enqueued on one backend happens in the order of the calls: `submit`, `write`, `read` and
 * `free`. A freed buffer may be handed out again at once, because whatever uses it comes later.
 */
export interface Backend<Buffer = unknown> {
  readonly id: string;
  readonly device: DeviceInfo;
  /** Resolves (never rejects) if the device goes away. Everything pending then rejects with `device-lost`. */
  readonly lost?: Promise<SsError>;

  /** The ops that this backend has at all; `assess` decides call by call. */
  readonly ops: readonly OpName[];
  /** Pure, synchronous and cheap. A yes must run; a no names its reason. */
  assess(call: OpCall): Assessment;

  /**
   * Enqueues calls, in order. Returning nothing means they have run; a promise settles when they have.
   * It rejects (or throws) only when execution fails, with the index of the failing call if it is known:
   * `new CallFailure(index, cause)`.
   */
  submit(calls: readonly BoundCall<Buffer>[]): void | Promise<void>;
  /** Makes a fixed list ready once: compile, fuse, record a graph. Without it, `submit` gets the list each time. */
  prepare?(
    calls: readonly BoundCall<Buffer>[],
    options: { readonly signal?: AbortSignal | undefined },
  ): Promise<PreparedCalls>;

  /** Zero-filled when `zero` is set, undefined contents otherwise. @throws SsError `out-of-memory` */
  alloc(byteLength: number, options: AllocOptions): Buffer;
  free(buffer: Buffer): void;
  /** Copies `bytes` in before it returns. */
  write(buffer: Buffer, byteOffset: number, bytes: Uint8Array): void;
  /** A copy of the bytes as of this point of the queue. */
  read(buffer: Buffer, byteOffset: number, byteLength: number): Uint8Array | Promise<Uint8Array>;
  memory(): MemoryInfo;
  /**
   * Gives back at once what is kept for later allocations and nothing lives in: afterwards `reservedBytes` are those of live
   * buffers, as far as the device takes memory back in such pieces. What pending work still uses may go when that is done.
   */
  trim?(): void;

  /** How this backend would store a weight (M, K) of `linear` and `embedding` as `as`; absent or undefined means dense. */
  packing?(weight: TensorSpec, as: WeightDType): Packing | undefined;

  /** Frees everything, ends threads. */
  dispose(): void | Promise<void>;
}

/** What the values of a packed weight are stored as; `i8` is symmetric with an f32 scale for each row. */
export type WeightDType = FloatDType | 'i8';

/** A packed weight is filled by one call of the op `pack` with input `weight` and output `packed`. */
export interface Packing {
  readonly format: string;
  readonly byteLength: number;
}

/** Thrown by {@link Backend.submit} to say which call of the list failed. */
export class CallFailure extends Error {
  readonly index: number;
  constructor(index: number, cause: unknown) {
    super(`Call ${index} failed.`, { cause });
    this.index = index;
  }
}

/** What `probe` found without loading anything heavy. */
export type Probe =
  | {
      readonly available: true;
      readonly notes?: readonly string[];
      /** Instead of the registration's priority, where less was found than that promises. */
      readonly priority?: number;
    }
  | { readonly available: false; readonly blockers: readonly [Blocker, ...Blocker[]] };

export interface LoadOptions {
  readonly signal?: AbortSignal | undefined;
}

/** A backend as data: what the registry knows before it loads anything. */
export interface BackendRegistration {
  readonly apiVersion: number;
  readonly id: string;
  /** Higher is tried first; `reference` has 0, `wasm` 100. Below 0: only when named. */
  readonly priority: number;
  /** Cheap and import-light: can this environment run it? */
  probe(): Probe | Promise<Probe>;
  /** Imports what it needs and opens the device. Called when chosen, again after `device-lost`. */
  load(options: LoadOptions): Promise<Backend>;
}

/** Checks the shape of a registration where it is written, and keeps its type. */
export function defineBackend<const R extends BackendRegistration>(registration: R): R {
  return registration;
}
