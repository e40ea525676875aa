import type { OpCall } from '@ss/core';
import { maybe } from '../shader/operand.ts';
import type { Operand } from '../shader/operand.ts';
import type { Bound } from './kernel-op.ts';

/** How many sequences a call has. */
export function sequenceCount({ sizes }: Pick<OpCall, 'sizes'>): number {
  return sizes['S'] ?? sizes['B']!;
}

/** Parameters that {@link slotCode} reads. */
export const slotParams = ['slots', 'written'] as const;

export function slotValues({
  inputs,
  sizes,
}: Pick<Bound, 'inputs' | 'sizes'>): Readonly<Record<string, number>> {
  const slots = (inputs['state'] ?? inputs['initialState'])?.shape[0] ?? sequenceCount({ sizes });
  return { slots, written: inputs['state'] ? 1 : 0 };
}

/**
 * The row of the states that sequence s uses: -1 for padding, -2 for an index beyond the pool and for a row that is written
 * and that an earlier sequence names, too. No kernel can refuse them; what they give is `padding_of`, NaN.
 */
export function slotCode(has: (name: string) => boolean): string {
  return `
fn slot_of(s: u32) -> i32 {
  ${
    has('indices')
      ? `
  let slot = max(indices(s), -1);
  if (slot >= i32(P.slots)) { return -2; }
  if (slot >= 0 && P.written == 1u) {
    for (var i = 0u; i < s; i++) { if (indices(i) == slot) { return -2; } }
  }
  return slot;`
      : 'return i32(s);'
  }
}
fn padding_of(slot: i32) -> f32 { return select(0.0, bitcast<f32>(0x7fc00000u | P.slots), slot < -1); }`;
}

/** Operands and parameters that {@link sequenceCode} reads. */
export const sequenceParams: readonly string[] = ['L', 'S', ...slotParams];

export function sequenceOperands({ inputs }: Pick<Bound, 'inputs'>): {
  readonly cu: Operand | undefined;
  readonly indices: Operand | undefined;
} {
  return { cu: maybe(inputs['cuSeqlens']), indices: maybe(inputs['stateIndices']) };
}

export function sequenceValues(call: Pick<Bound, 'inputs' | 'sizes'>): Readonly<Record<string, number>> {
  return { L: call.sizes['L'] ?? 1, S: sequenceCount(call), ...slotValues(call) };
}

/**
 * Sequence s: `size` steps from step `first` of batch row `row`; `slot` is that of {@link slotCode}. Offsets that do not
 * rise reach no memory but the call's own: they are clamped.
 */
export function sequenceCode(has: (name: string) => boolean, reverse: boolean): string {
  return `${slotCode(has)}
struct Sequence { row: u32, first: u32, size: u32, slot: i32 }
fn offset_of(s: u32) -> u32 { ${has('cu') ? 'return u32(clamp(cu(s), 0, i32(P.L)));' : 'return 0u;'} }
fn sequence(s: u32) -> Sequence {
  let slot = slot_of(s);
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
