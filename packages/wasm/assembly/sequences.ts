/*
 * A batch is either B rows of L steps, or S sequences that `cuSeqlens` packs into one row; `stateIndices` says
 * which row of a pool of states each of them uses. Both are dense i32, 0 when not given.
 */

/** 0, or 1 + the index of the first sequence whose bounds or state are outside. */
export function sequenceFault(S: u32, L: u32, cuSeqlens: usize, stateIndices: usize, slots: u32): u32 {
  for (let i: u32 = 0; i < S; i++) {
    if (cuSeqlens) {
      const from = load<i32>(cuSeqlens + (i << 2)), to = load<i32>(cuSeqlens + (i << 2), 4);
      if ((i == 0 && from != 0) || to < from || (i + 1 == S && to != <i32>L)) return 1 + i;
    }
    if (stateIndices && load<i32>(stateIndices + (i << 2)) >= <i32>slots) return 1 + i;
  }
  return 0;
}

/** The row of x that holds a sequence. */
// @ts-ignore: decorator
@inline
export function rowOf(s: u32, cuSeqlens: usize): u32 {
  return cuSeqlens ? 0 : s;
}

// @ts-ignore: decorator
@inline
export function firstStep(s: u32, cuSeqlens: usize): u32 {
  return cuSeqlens ? load<u32>(cuSeqlens + (s << 2)) : 0;
}

// @ts-ignore: decorator
@inline
export function lengthOf(s: u32, L: u32, cuSeqlens: usize): u32 {
  return cuSeqlens ? load<u32>(cuSeqlens + (s << 2), 4) - load<u32>(cuSeqlens + (s << 2)) : L;
}

/** The row of the states; negative for padding, whose outputs are zero and whose state is left alone. */
// @ts-ignore: decorator
@inline
export function slotOf(s: u32, stateIndices: usize): i32 {
  return stateIndices ? load<i32>(stateIndices + (s << 2)) : s;
}
