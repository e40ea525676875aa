import type { DType } from '@ss/core';
import type { Operand } from './operand.ts';
import type { Stores } from './storage.ts';

/** Decides the text of a kernel beside the dtypes: what was given, extents that are constants. */
export type Spec = Readonly<Record<string, string | number | boolean>>;

/** What a kernel's text is made from. */
export interface KernelContext<S extends Spec = Spec> {
  readonly spec: S;
  /** Whether an operand was given. */
  has(name: string): boolean;
  dtype(name: string): DType;
}

/**
 * One kernel: WGSL with a function `run(group, lane)`, called with the number of the workgroup and that of the
 * invocation in it. The uniform `P` has a u32 for each of `params`, an f32 for each of `floats`.
 */
export interface Kernel<S extends Spec = Spec> {
  readonly name: string;
  /** Invocations of a workgroup. */
  readonly lanes: number;
  readonly params: readonly string[];
  readonly floats?: readonly string[];
  /** Operands that it writes, and how. */
  readonly stores: Readonly<Record<string, Stores>>;
  /** Operands among those that it only reads whose words it takes four at a time. */
  quads?(spec: S): readonly string[];
  code(context: KernelContext<S>): string;
}

/** One run of a kernel. */
export interface Dispatch {
  readonly kernel: Kernel<never>;
  readonly spec: Spec;
  readonly operands: Readonly<Record<string, Operand | undefined>>;
  readonly params: Readonly<Record<string, number>>;
  readonly groups: number;
}

/** A run of a kernel, with what its types demand. */
export function dispatch<S extends Spec>(
  kernel: Kernel<S>,
  run: Omit<Dispatch, 'kernel' | 'spec'> & { readonly spec: S },
): Dispatch {
  return { ...run, kernel: kernel as unknown as Kernel<never> };
}
