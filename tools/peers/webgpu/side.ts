/** What is computed: a layer's projection, and its scan, for one sequence. */
export type Task =
  | { readonly op: 'linear'; readonly rows: number; readonly K: number; readonly M: number }
  | { readonly op: 'scan'; readonly L: number; readonly D: number; readonly N: number };

export interface Values {
  readonly values: Float32Array;
  readonly shape: readonly number[];
}
export type Inputs = Readonly<Record<string, Values>>;

/** A task with its inputs on the device. */
export interface Prepared {
  /** Computes it, and reads the result back. */
  run(): Promise<Float32Array>;
  dispose(): void;
}

/** One of the libraries in the page. */
export interface Side {
  readonly name: string;
  prepare(task: Task, inputs: Inputs): Prepared;
}

/**
 * Steps of the scan that the others take together: no library of arrays has a scan like this one, so there it is written
 * as it usually is, with cumulated sums and an exponential to divide by, a chunk after the other.
 */
export const chunk = 64;
