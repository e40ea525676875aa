/** One op of the native build, with its arguments by name. */
export interface OpTable {
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly options: readonly string[];
  readonly sizes: readonly string[];
}

/** What an op says to a call. */
export type NativeAssessment =
  | { readonly code: string; readonly message: string }
  | {
      readonly code?: undefined;
      readonly bitwise: boolean;
      /** A bit for each input that must be dense. */
      readonly contiguous: number;
      readonly scratchBytes: number;
      readonly flops: number;
      readonly bytes: number;
      readonly notes?: readonly string[];
    };

/** A task of the queue that went wrong; `call` is -1 when it was none in particular. */
export interface TaskFailure {
  readonly task: number;
  readonly call: number;
  readonly message: string;
}

/** Buffers, lists and tasks are numbers. Every method returns at once; see native/device.h. */
export interface NativeDevice {
  /** 0 when there is no memory */
  alloc(byteLength: number, zero: boolean): number;
  free(buffer: number): void;
  write(buffer: number, byteOffset: number, bytes: Uint8Array): void;
  /** 0 when `into` has the bytes, or the task that puts them there */
  read(buffer: number, byteOffset: number, into: Uint8Array): number;
  submit(words: Float64Array, count: number): number;
  prepare(words: Float64Array, count: number): [list: number, task: number];
  run(list: number): number;
  release(list: number): void;
  memory(): [liveBytes: number, liveBuffers: number, reservedBytes: number, reservations: number];
  /** True while there is memory that the end of a later window could give back. */
  endWindow(): boolean;
  trim(): void;
  /** How many work, which may be fewer than were asked for. */
  threads(): number;
  dispose(ended: () => void): void;
}

/** The native library; see native/addon.cc. */
export interface Addon {
  readonly ops: readonly OpTable[];
  readonly dtypes: readonly string[];
  /** Names of packed layouts by their number; 0 is none. */
  readonly formats: readonly string[];
  readonly maxAxes: number;
  assess(words: Float64Array, count: number, threads: number): NativeAssessment;
  packing(M: number, K: number, dtype: number): [format: string, byteLength: number] | undefined;
  /** Hides what is beyond an instruction set, in the whole process. */
  limit(isa: string): boolean;
  isa(): string;
  readonly Device: new (
    threads: number,
    settled: (completed: number, failures: readonly TaskFailure[]) => void,
  ) => NativeDevice;
}
