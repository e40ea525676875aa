import type { OpCall } from '@ss/core';
import { addressOf } from './argument.ts';
import type { Bound } from './kernel-op.ts';

/** Arguments of packed calls that kernels read as dense i32. */
export const sequenceArguments: readonly string[] = ['cuSeqlens', 'stateIndices'];

/** How many sequences a call has. */
export function sequenceCount({ sizes }: Pick<OpCall, 'sizes'>): number {
  return sizes['S'] ?? sizes['B']!;
}

/** The words by which a kernel finds its sequences and their states. */
export function sequenceFields({ inputs, sizes }: Bound): {
  readonly S: number;
  readonly cuSeqlens: number;
  readonly stateIndices: number;
  readonly slots: number;
} {
  const { cuSeqlens, stateIndices } = inputs;
  return {
    S: sequenceCount({ sizes }),
    cuSeqlens: cuSeqlens ? addressOf(cuSeqlens) : 0,
    stateIndices: stateIndices ? addressOf(stateIndices) : 0,
    slots: (inputs['state'] ?? inputs['initialState'])?.shape[0] ?? 0,
  };
}

/** What a kernel says when it finds sequences that are not what the contract wants; `sequenceFault` in `assembly/sequences.ts`. */
export function sequenceFault(call: Pick<OpCall, 'sizes'>): (status: number) => string {
  const S = sequenceCount(call);
  return (status) =>
    status > S
      ? `sequence ${status - S - 1} writes a state that an earlier one writes; stateIndices may name it once`
      : `sequence ${status - 1} is outside its bounds; cuSeqlens must rise from 0 to L, and stateIndices be below the number of slots`;
}
