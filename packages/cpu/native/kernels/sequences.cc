#include "sequences.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <string>

namespace ss {
namespace {

const int32_t* Values(const Call& call, int arg) {
  return arg >= 0 && call[arg] ? reinterpret_cast<const int32_t*>(call[arg].data) : nullptr;
}

[[noreturn]] void Fail(const std::string& sentence) { throw std::runtime_error(sentence); }

void CheckEnds(const Sequences& s) {
  const int32_t* ends = s.ends;
  if (ends[0] != 0 || ends[s.count] != s.L)
    Fail("cuSeqlens go from " + std::to_string(ends[0]) + " to " + std::to_string(ends[s.count]) + ", not from 0 to " +
         std::to_string(s.L) + ".");
  for (int64_t i = 1; i <= s.count; i++)
    if (ends[i] < ends[i - 1]) Fail("cuSeqlens decrease at entry " + std::to_string(i) + ".");
}

void CheckIndices(const Sequences& s, int32_t* sorted) {
  for (int64_t i = 0; i < s.count; i++)
    if (s.indices[i] >= s.slots)
      Fail("stateIndices[" + std::to_string(i) + "] is " + std::to_string(s.indices[i]) + ", but there are " +
           std::to_string(s.slots) + " states.");
  if (!s.in_place) return;
  std::memcpy(sorted, s.indices, static_cast<size_t>(s.count) * sizeof(int32_t));
  std::sort(sorted, sorted + s.count);
  for (int64_t i = 1; i < s.count; i++)
    if (sorted[i] >= 0 && sorted[i] == sorted[i - 1])
      Fail("stateIndices name the state " + std::to_string(sorted[i]) + ", which is written, twice.");
}

}  // namespace

int64_t SequenceCount(const Call& call, const SequenceArgs& at) {
  return at.cu_seqlens >= 0 && call[at.cu_seqlens] ? call.Size(at.S) : call.Size(at.B);
}

Sequences SequencesOf(const Call& call, const SequenceArgs& at) {
  Sequences s;
  s.count = SequenceCount(call, at);
  s.L = at.L >= 0 ? call.Size(at.L) : 1;
  s.ends = Values(call, at.cu_seqlens);
  s.indices = Values(call, at.state_indices);
  s.in_place = at.state >= 0 && call[at.state];
  if (s.in_place) s.slots = call[at.state].shape[0];
  else if (at.initial_state >= 0 && call[at.initial_state]) s.slots = call[at.initial_state].shape[0];
  return s;
}

size_t SequenceScratch(const Call& call, const SequenceArgs& at) {
  if (at.state_indices < 0 || !call[at.state_indices]) return 0;
  return static_cast<size_t>(SequenceCount(call, at)) * sizeof(int32_t);
}

void CheckSequences(std::vector<Phase>& phases, const Sequences& sequences, size_t shared_offset) {
  if (!sequences.ends && !sequences.indices) return;
  phases.push_back({1, static_cast<double>(sequences.count) * 4, [sequences, shared_offset](const Scratch& scratch, int64_t) {
                      if (sequences.ends) CheckEnds(sequences);
                      if (sequences.indices)
                        CheckIndices(sequences, reinterpret_cast<int32_t*>(scratch.shared + shared_offset));
                    }});
}

uint32_t SequenceBits(const SequenceArgs& at) {
  uint32_t bits = 0;
  for (int arg : {at.cu_seqlens, at.state_indices})
    if (arg >= 0) bits |= uint32_t{1} << arg;
  return bits;
}

}  // namespace ss
