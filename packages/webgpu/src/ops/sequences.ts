import type { OpCall } from '@ss/core';
import { maybe } from '../shader/operand.ts';
import type { Operand } from '../shader/operand.ts';
import type { Bound } from './kernel-op.ts';

/** How many sequences a call has. */
export function sequenceCount({ sizes }: Pick<OpCall, 'sizes'>): number {
  return sizes['S'] ?? sizes['B']!;
}

/** Operands and parameters that {@link sequenceCode} reads. */
export const sequenceParams = ['L', 'S', 'slots'] as const;

export function sequenceOperands({ inputs }: Pick<Bound, 'inputs'>): {
  readonly cu: Operand | undefined;
  readonly indices: Operand | undefined;
} {
  return { cu: maybe(inputs['cuSeqlens']), indices: maybe(inputs['stateIndices']) };
}

export function sequenceValues(call: Pick<Bound, 'inputs' | 'sizes'>): Readonly<Record<string, number>> {
  const { inputs, sizes } = call;
  const S = sequenceCount(call);
  const slots = (inputs['state'] ?? inputs['initialState'])?.shape[0] ?? S;
  return { L: sizes['L'] ?? 1, S, slots };
}

/**
 * Sequence s: `size` steps from step `first` of batch row `row`; `slot` is its row in states that were given, -1 for
 * padding. Offsets that do not rise and indices beyond the pool reach no memory but the call's own: they are
 * clamped, or taken for padding.
 */
export function sequenceCode(has: (name: string) => boolean, reverse: boolean): string {
  return `
struct Sequence { row: u32, first: u32, size: u32, slot: i32 }
fn offset_of(s: u32) -> u32 { ${has('cu') ? 'return u32(clamp(cu(s), 0, i32(P.L)));' : 'return 0u;'} }
fn sequence(s: u32) -> Sequence {
  ${has('indices') ? 'var slot = indices(s); if (slot >= i32(P.slots)) { slot = -1; }' : 'let slot = i32(s);'}
  ${
    has('cu')
      ? 'let first = offset_of(s); return Sequence(0u, first, max(offset_of(s + 1u), first) - first, slot);'
      : 'return Sequence(s, 0u, P.L, slot);'
  }
}
// The sequence that step t of a row belongs to.
fn sequence_of(row: u32, t: u32) -> u32 {
  ${
    has('cu')
      ? `
  var s = 0u;
  var end = P.S;
  while (end - s > 1u) {
    let middle = (s + end) / 2u;
    if (offset_of(middle) <= t) { s = middle; } else { end = middle; }
  }
  return s;`
      : 'return row;'
  }
}
// Where in its row the step of a sequence lies, and the other way round.
fn time_of(q: Sequence, step: u32) -> u32 { return q.first + ${reverse ? '(q.size - 1u - step)' : 'step'}; }
fn step_of(q: Sequence, t: u32) -> u32 { return ${reverse ? 'q.size - 1u - (t - q.first)' : 't - q.first'}; }`;
}
