#pragma once

#include <cstdint>
#include <vector>

#include "../op.h"
#include "sequences.h"
#include "view.h"

namespace ss {

/**
 * Parts of a gradient that sequences, or slices of channels, make each for themselves: f32 in shared scratch,
 * [group][count][row][width]. How many there are does not depend on the number of threads, and they are added
 * in their order.
 */
struct Parts {
  int64_t groups = 1;
  int64_t count = 0;
  int64_t rows = 0;
  int64_t width = 0;
  size_t offset = 0;

  int64_t Floats() const { return groups * count * rows * width; }
  float* At(char* shared, int64_t part, int64_t row) const {
    return reinterpret_cast<float*>(shared + offset) + (part * rows + row) * width;
  }
};

/** Places parts one after the other in shared scratch. */
class PartsPlan {
 public:
  explicit PartsPlan(size_t from = 0) : bytes_(Aligned(from)) {}
  Parts Place(Parts parts) {
    parts.offset = bytes_;
    bytes_ += Aligned(static_cast<size_t>(parts.Floats()) * sizeof(float));
    return parts;
  }
  size_t bytes() const { return bytes_; }

 private:
  static size_t Aligned(size_t bytes) { return (bytes + 63) / 64 * 64; }
  size_t bytes_;
};

/** A phase that adds parts into `out`, (group, row, column). */
void SumParts(std::vector<Phase>& phases, const Parts& parts, const View<3>& out);

/**
 * A phase that adds the parts of sequences (one part each, one group) into the rows of the pool that they name,
 * `out` (slot, row, column); rows that nobody names become zero.
 */
void SumBySlot(std::vector<Phase>& phases, const Parts& parts, const Sequences& sequences, const View<3>& out);

}  // namespace ss
