import type { BoundCall } from '../backend.ts';
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
  const slot = (index: number): number => {
    if (indices === undefined) return index;
    const at = indices[index]!;
    if (at >= slots) throw new Error(`stateIndices[${index}] is ${at}, but there are ${slots} states.`);
    if (inputs['state'] && at >= 0 && indices.indexOf(at) < index)
      throw new Error(`stateIndices name the state ${at}, which is written, twice.`);
    return Math.max(at, -1);
  };
  if (ends === undefined) {
    return Array.from({ length: B }, (_, row) => ({ index: row, row, first: 0, length: L, slot: slot(row) }));
  }
  if (ends[0] !== 0 || ends.at(-1) !== L)
    throw new Error(`cuSeqlens go from ${ends[0]} to ${ends.at(-1)}, not from 0 to ${L}.`);
  return Array.from({ length: ends.length - 1 }, (_, index) => {
    const first = ends[index]!;
    const length = ends[index + 1]! - first;
    if (length < 0) throw new Error(`cuSeqlens decrease at entry ${index + 1}.`);
    return { index, row: 0, first, length, slot: slot(index) };
  });
}
