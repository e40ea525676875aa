import type { OpName } from '@ss/core';
import type { KernelOp } from './kernel-op.ts';
import { selectiveScan } from './selective-scan.ts';

/** Every op that the kernels can run. */
export const kernelOps: Partial<Readonly<Record<OpName, KernelOp>>> = { selectiveScan };
