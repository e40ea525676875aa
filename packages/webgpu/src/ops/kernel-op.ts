import type { Assessment, BoundCall, OpCall } from '@ss/core';
import type { Allocation } from '../memory/pages.ts';
import type { Dispatch } from '../shader/kernel.ts';

/** What plans depend on beside the call. */
export interface Means {
  /** Bytes of the largest buffer. */
  readonly mostBytes: number;
  /** Buffers that a kernel may see. */
  readonly mostBindings: number;
  /** About how many workgroups run at the same time. */
  readonly workgroupsAtOnce: number;
}

export type Bound = BoundCall<Allocation>;

/** An op in terms of kernels. */
export interface KernelOp {
  assess(call: OpCall, means: Means): Assessment;
  /** In the order in which they run. */
  dispatches(call: Bound, means: Means): readonly Dispatch[];
}
