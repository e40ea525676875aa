#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace ss {

struct Candidate {
  double value;
  uint32_t id;

  /** By falling value, equals by rising id. */
  bool operator<(const Candidate& other) const {
    return value > other.value || (value == other.value && id < other.id);
  }
};

/** A row of logits that is drawn from, and what a thread works in. */
struct Draw {
  /** In f32, -infinity in the places of those apart. */
  float* row;
  size_t count;
  /** Penalised logits, which are no longer f32. */
  Candidate* apart;
  size_t apart_count;
  double uniform;
  /** Twice `count`. */
  uint64_t* list;
  /** `count` of both. */
  double* weights;
  uint32_t* ids;
};

/**
 * How far below the largest, in units of the temperature, logits are looked for, one level after the other: the first
 * is e^-4 of the largest probability and mostly all that is needed; beyond the last come those hardly ever drawn.
 */
inline constexpr double kDepths[] = {4, 8, 14, 40};
inline constexpr int kLevels = 5;

/** A value and its id as one integer, smaller for larger values and among equals for lower ids. */
inline uint64_t Ranked(float value, size_t id) {
  // The bits of a float order like integers once negative ones are turned over. -0 becomes 0, its equal.
  value += 0.0f;
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  const uint32_t key = ~((bits >> 31) != 0 ? ~bits : bits | 0x80000000u);
  return uint64_t{key} << 32 | id;
}

/**
 * Ranked values with rising ids put in order, within `list` or `other`, each of `count`. @returns which of the two
 */
inline const uint64_t* SortRanked(uint64_t* list, uint64_t* other, size_t count) {
  /** Up to here comparing is quicker than dealing out. */
  constexpr size_t kFew = 512;
  constexpr int kBits = 11, kPasses = 3;
  constexpr size_t kBuckets = size_t{1} << kBits;
  if (count <= kFew) {
    std::sort(list, list + count);
    return list;
  }
  uint32_t starts[kPasses][kBuckets] = {};
  const auto bucket = [](uint64_t ranked, int pass) { return ranked >> (32 + pass * kBits) & (kBuckets - 1); };
  for (size_t i = 0; i < count; i++)
    for (int pass = 0; pass < kPasses; pass++) starts[pass][bucket(list[i], pass)]++;
  // Stable passes from the lowest bits: equals keep their rising ids.
  for (int pass = 0; pass < kPasses; pass++) {
    if (starts[pass][bucket(list[0], pass)] == count) continue;
    uint32_t sum = 0;
    for (uint32_t& start : starts[pass]) {
      const uint32_t here = start;
      start = sum;
      sum += here;
    }
    for (size_t i = 0; i < count; i++) other[starts[pass][bucket(list[i], pass)]++] = list[i];
    std::swap(list, other);
  }
  return list;
}

}  // namespace ss
