import type { Assessment, BoundCall, OpCall } from '@ss/core';
import type { ArgValues, Layout } from '../kernels/args.ts';
import type { Region } from '../memory/region.ts';

/** What plans depend on beside the call. */
export interface Means {
  readonly threads: number;
}

export type Bound = BoundCall<Region>;

/** One kernel call: its arguments, and how much there is to divide. */
export interface Work<L extends Layout = Layout> {
  readonly kernel: string;
  readonly layout: L;
  readonly values: ArgValues<L>;
  readonly units: number;
  /** Bytes of scratch for each thread, as planned. */
  readonly scratchBytes: number;
  /** About how long one thread takes, in tenths of a nanosecond; decides whether others are worth waking. */
  readonly cost: number;
  /** What a status other than 0 means. */
  readonly fault?: ((status: number) => string) | undefined;
}

/** An op in terms of kernels. */
export interface KernelOp {
  assess(call: OpCall, means: Means): Assessment;
  works(call: Bound, means: Means): readonly Work[];
}
