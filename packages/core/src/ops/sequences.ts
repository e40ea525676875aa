import type { Tensor } from '../tensor.ts';
import type { Checker } from './check.ts';
import type { Specs } from './op.ts';

/** How the batch of a scan or convolution is divided into sequences, and where their states are. */
export interface SequenceArgs {
  /**
   * (S + 1) i32: the batch is S sequences packed one after the other into one row (B = 1); sequence s is
   * steps cuSeqlens[s] to cuSeqlens[s + 1]. Starts at 0, never decreases, ends at L. States then have S rows.
   */
  readonly cuSeqlens?: Tensor | undefined;
  /**
   * (B), or (S) when packed, i32: which row of `initialState` or `state` each sequence uses, so that these
   * are a pool with any number of rows. A negative index is padding: its outputs are zero and no state is
   * touched. Several sequences may start from one row of `initialState`, whose gradient is then the sum of theirs.
   * An index beyond the pool, and a row of `state` that is named twice, are refused: at the call when the values are
   * on the host, else when it runs; where a device cannot refuse, such a sequence gives NaN and writes no state.
   */
  readonly stateIndices?: Tensor | undefined;
}

export const sequenceInputs = ['cuSeqlens', 'stateIndices'] as const;

/** Symbols of the sequence axis of states: returned ones have `rows`, given ones `slots`. */
export function checkSequences(
  check: Checker,
  inputs: Specs,
): { readonly rows: 'B' | 'S'; readonly slots: string } {
  let rows: 'B' | 'S' = 'B';
  if (inputs['cuSeqlens']) {
    rows = 'S';
    check.dtype('cuSeqlens', ['i32']);
    check.shape('cuSeqlens', ['S + 1']);
    check.sizes['S'] = check.sizes['S + 1']! - 1;
    delete check.sizes['S + 1'];
    if (check.sizes['B'] !== 1)
      throw check.error('shape-mismatch', `cuSeqlens packs one row, but the batch has ${check.sizes['B']}.`);
    if (check.sizes['S'] < 1)
      throw check.error('shape-mismatch', 'cuSeqlens needs at least two entries, the start and the end.');
  }
  if (inputs['stateIndices'] === undefined) return { rows, slots: rows };
  check.dtype('stateIndices', ['i32']);
  check.shape('stateIndices', [rows]);
  if (!inputs['state'] && !inputs['initialState'])
    throw check.error(
      'argument-invalid',
      'stateIndices choose rows of state or initialState; neither was given.',
    );
  return { rows, slots: 'slots' };
}

/** What is wrong with the values of a call's `cuSeqlens` and `stateIndices`, as far as they are given; nothing if they are right. */
export function sequenceProblem(
  {
    cuSeqlens,
    stateIndices,
  }: { readonly [Name in (typeof sequenceInputs)[number]]?: ArrayLike<number> | undefined },
  { L, slots, written }: { readonly L: number; readonly slots: number; readonly written: boolean },
): string | undefined {
  if (cuSeqlens) {
    const ends = Array.from(cuSeqlens);
    if (ends[0] !== 0 || ends.at(-1) !== L)
      return `cuSeqlens go from ${ends[0]} to ${ends.at(-1)}, not from 0 to ${L}`;
    const falling = ends.findIndex((end, i) => i > 0 && end < ends[i - 1]!);
    if (falling > 0) return `cuSeqlens decrease at entry ${falling}`;
  }
  if (stateIndices) {
    const indices = Array.from(stateIndices);
    const beyond = indices.findIndex((slot) => slot >= slots);
    if (beyond >= 0) return `stateIndices[${beyond}] is ${indices[beyond]}, but there are ${slots} states`;
    const used = indices.filter((slot) => slot >= 0).toSorted((a, b) => a - b);
    const twice = written ? used.find((slot, i) => slot === used[i - 1]) : undefined;
    if (twice !== undefined) return `stateIndices name the state ${twice}, which is written, twice`;
  }
  return undefined;
}
