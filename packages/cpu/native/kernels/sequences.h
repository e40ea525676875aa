#pragma once

#include <cstdint>
#include <vector>

#include "../op.h"

namespace ss {

/** One sequence of a call: `length` steps from step `first` of batch row `row`. */
struct Sequence {
  /** Its row in states that the call returns. */
  int64_t index;
  int64_t row;
  int64_t first;
  int64_t length;
  /** Its row in states that the call was given; negative for padding, whose outputs are zero. */
  int64_t slot;
};

/** The sequences of a call: batch rows, or what `cuSeqlens` packs; with the states that `stateIndices` name. */
struct Sequences {
  int64_t count = 0;
  int64_t L = 1;
  /** (count + 1) and (count), dense; null when not given. */
  const int32_t* ends = nullptr;
  const int32_t* indices = nullptr;
  int64_t slots = 0;
  /** The states are written in place. */
  bool in_place = false;

  Sequence operator[](int64_t index) const {
    const int64_t slot = indices ? indices[index] : index;
    if (!ends) return {index, index, 0, L, slot};
    return {index, 0, ends[index], ends[index + 1] - ends[index], slot};
  }
};

/** Where an op has what makes up its sequences, as indices of arguments and sizes; -1 for what it never has. */
struct SequenceArgs {
  int cu_seqlens;
  int state_indices;
  int state;
  int initial_state;
  int B;
  int S;
  int L;
};

int64_t SequenceCount(const Call& call, const SequenceArgs& at);
Sequences SequencesOf(const Call& call, const SequenceArgs& at);

/** Shared scratch of {@link CheckSequences}. */
size_t SequenceScratch(const Call& call, const SequenceArgs& at);

/**
 * A first phase for calls whose sequences are values: throws unless they lie within the row and within the
 * pool of states, and no state that is written is named twice. Later phases take them as they are.
 * @param shared_offset where in the shared scratch its {@link SequenceScratch} lies
 */
void CheckSequences(std::vector<Phase>& phases, const Sequences& sequences, size_t shared_offset = 0);

/** The dense i32 inputs among the call's, as the bits of `Assessment::contiguous`. */
uint32_t SequenceBits(const SequenceArgs& at);

}  // namespace ss
