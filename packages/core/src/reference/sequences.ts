import type { BoundCall } from '../backend.ts';
import { sequenceProblem } from '../ops/sequences.ts';
import { values } from './values.ts';

/** One sequence of a call: `length` steps from step `first` of batch row `row`. */
export interface Sequence {
  /** its row in states that the call returns */
  readonly index: number;
  readonly row: number;
  readonly first: number;
  readonly length: number;
  /** its row in states that the call was given; -1 for padding */
  readonly slot: number;
}

/** The sequences of a call: batch rows, or what `cuSeqlens` packs; with the states that `stateIndices` name. */
export function sequences({ inputs, sizes }: BoundCall<Uint8Array>): Sequence[] {
  const { B, L = 1 } = sizes as { B: number; L?: number };
  const ends = inputs['cuSeqlens'] && values(inputs['cuSeqlens']);
  const indices = inputs['stateIndices'] && values(inputs['stateIndices']);
  const slots = (inputs['state'] ?? inputs['initialState'])?.shape[0] ?? 0;
  const problem = sequenceProblem(
    { cuSeqlens: ends, stateIndices: indices },
    { L, slots, written: inputs['state'] !== undefined },
  );
  if (problem) throw new Error(`${problem}.`);
  const slot = (index: number): number => (indices ? Math.max(indices[index]!, -1) : index);
  if (ends === undefined) {
    return Array.from({ length: B }, (_, row) => ({ index: row, row, first: 0, length: L, slot: slot(row) }));
  }
  return Array.from({ length: ends.length - 1 }, (_, index) => {
    const first = ends[index]!;
    return { index, row: 0, first, length: ends[index + 1]! - first, slot: slot(index) };
  });
}
