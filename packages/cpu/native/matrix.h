#pragma once

#include "call.h"

namespace ss {

/** Several neighbouring axes of an argument walked as one, in row-major order. */
class Walk {
 public:
  Walk() = default;
  /** Axes [first, last) of a tensor. */
  Walk(const Arg& arg, int first, int last) {
    int rank = 0;
    for (int axis = first; axis < last; axis++) {
      const int64_t extent = arg.shape[axis];
      const int64_t step = arg.Step(axis);
      if (extent == 1) continue;
      // An axis of whose steps one is a whole run of the next continues it.
      if (rank > 0 && steps_[rank - 1] == step * extent) {
        shape_[rank - 1] *= extent;
        steps_[rank - 1] = step;
      } else {
        shape_[rank] = extent;
        steps_[rank++] = step;
      }
    }
    if (rank == 0) steps_[0] = static_cast<int64_t>(BytesOf(arg.dtype));
    rank_ = rank == 0 ? 1 : rank;
  }
  static Walk Axis(const Arg& arg, int axis) { return Walk(arg, axis, axis + 1); }

  bool uniform() const { return rank_ == 1; }
  /** Bytes from one to the next, of a uniform walk. */
  int64_t step() const { return steps_[0]; }
  int64_t Offset(int64_t i) const {
    int64_t offset = 0;
    for (int axis = rank_ - 1; axis > 0; axis--) {
      offset += i % shape_[axis] * steps_[axis];
      i /= shape_[axis];
    }
    return offset + i * steps_[0];
  }

 private:
  int rank_ = 1;
  int64_t shape_[kMaxAxes] = {1};
  int64_t steps_[kMaxAxes] = {0};
};

/** Floats of room that a block of any matrix needs on its way to dense rows; see kernels/block-inl.h. */
inline constexpr int64_t kBlockRoom = 16 * 128;

/** A matrix of floats as it lies in memory. */
struct Matrix {
  bool given = false;
  char* data = nullptr;
  DType dtype = DType::f32;
  Walk rows;
  Walk columns;

  explicit operator bool() const { return given; }
  char* At(int64_t row, int64_t column) const { return data + rows.Offset(row) + columns.Offset(column); }
  Matrix Transposed() const { return {given, data, dtype, columns, rows}; }
  /** Neighbours in a row are neighbours in memory. */
  bool HasRows() const { return columns.uniform() && columns.step() == static_cast<int64_t>(BytesOf(dtype)); }
  /** Rows of f32 at one distance from each other, as kernels want them. */
  bool Plain() const { return dtype == DType::f32 && HasRows() && rows.uniform(); }

  /** (..., K) as rows of K; nothing when it was not given. */
  static Matrix Of(const Arg& arg) {
    if (!arg) return {};
    return {true, arg.data, arg.dtype, Walk(arg, 0, arg.rank - 1), Walk::Axis(arg, arg.rank - 1)};
  }
};

}  // namespace ss
