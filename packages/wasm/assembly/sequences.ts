/*
 * A batch is either B rows of L steps, or S sequences that `cuSeqlens` packs into one row; `stateIndices` says
 * which row of a pool of states each of them uses. Both are dense i32, 0 when not given.
 */

/**
 * 0, or 1 + the index of the first sequence whose bounds or state are outside, or 1 + S + that of the first whose state
 * an earlier one writes, too.
 */
export function sequenceFault(S: u32, L: u32, cuSeqlens: usize, stateIndices: usize, slots: u32, written: bool): u32 {
  for (let i: u32 = 0; i < S; i++) {
    if (cuSeqlens) {
      const from = load<i32>(cuSeqlens + (i << 2)), to = load<i32>(cuSeqlens + (i << 2), 4);
      if ((i == 0 && from != 0) || to < from || (i + 1 == S && to != <i32>L)) return 1 + i;
    }
    if (stateIndices && load<i32>(stateIndices + (i << 2)) >= <i32>slots) return 1 + i;
  }
  if (!written || !stateIndices) return 0;
  for (let i: u32 = 1; i < S; i++) if (isNamedBefore(stateIndices, i)) return 1 + S + i;
  return 0;
}

/** Every index is compared with all before it, four at a time: batches are small, and there is no memory to sort them in. */
function isNamedBefore(stateIndices: usize, i: u32): bool {
  const slot = load<i32>(stateIndices + (i << 2));
  if (slot < 0) return false;
  const slots = i32x4.splat(slot);
  let j: u32 = 0;
  for (; j + 4 <= i; j += 4) if (v128.any_true(i32x4.eq(v128.load(stateIndices + (j << 2)), slots))) return true;
  for (; j < i; j++) if (load<i32>(stateIndices + (j << 2)) == slot) return true;
  return false;
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
