#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "../call.h"

namespace ss {

/**
 * The fewest axes that `count` views of one shape can all be walked by, in row-major order: axes of extent 1
 * disappear, neighbours merge where every view allows it. At least one is left. Steps are in bytes.
 */
template <int count>
struct CommonAxes {
  int rank = 0;
  int64_t extents[kMaxAxes] = {};
  int64_t steps[count][kMaxAxes] = {};

  explicit CommonAxes(const Arg* const (&views)[count]) {
    for (int axis = 0; axis < views[0]->rank; axis++) {
      const int64_t extent = views[0]->shape[axis];
      if (extent == 1) continue;
      bool merges = rank > 0;
      for (int v = 0; v < count; v++) merges = merges && steps[v][rank - 1] == views[v]->Step(axis) * extent;
      if (merges) {
        extents[rank - 1] *= extent;
      } else {
        extents[rank++] = extent;
      }
      for (int v = 0; v < count; v++) steps[v][rank - 1] = views[v]->Step(axis);
    }
    if (rank > 0) return;
    rank = 1;
    extents[0] = 1;
    for (int v = 0; v < count; v++) steps[v][0] = static_cast<int64_t>(BytesOf(views[v]->dtype));
  }

  int64_t Elements() const {
    int64_t product = 1;
    for (int axis = 0; axis < rank; axis++) product *= extents[axis];
    return product;
  }

  /** Where the element at a row-major index lies in each view, in bytes. */
  void Locate(int64_t index, int64_t (&offsets)[count]) const {
    for (int v = 0; v < count; v++) offsets[v] = 0;
    for (int axis = rank - 1; axis >= 0; axis--) {
      const int64_t rest = axis == 0 ? 0 : index / extents[axis];
      const int64_t along = index - rest * extents[axis];
      for (int v = 0; v < count; v++) offsets[v] += along * steps[v][axis];
      index = rest;
    }
  }

  void Swap(int one, int other) {
    std::swap(extents[one], extents[other]);
    for (int v = 0; v < count; v++) std::swap(steps[v][one], steps[v][other]);
  }

  /** The axis along which a view's elements lie closest; the last of those, and never one it repeats along. */
  int Closest(int view) const {
    int closest = rank - 1;
    for (int axis = rank - 1; axis >= 0; axis--) {
      const int64_t step = std::abs(steps[view][axis]), best = std::abs(steps[view][closest]);
      if (step != 0 && (best == 0 || step < best)) closest = axis;
    }
    return closest;
  }
};

/**
 * Views walked in rows along the last axis, cut into pieces; a unit of work is a few neighbouring pieces, about
 * `kPiece` elements in all.
 */
template <int count>
class Pieces {
 public:
  static constexpr int64_t kPiece = 4096;

  explicit Pieces(const CommonAxes<count>& axes) : axes_(axes) {
    const int64_t row = axes.extents[axes.rank - 1];
    in_row_ = (row + kPiece - 1) / kPiece;
    in_all_ = row == 0 ? 0 : axes.Elements() / row * in_row_;
    in_unit_ = row == 0 ? 1 : std::max<int64_t>(1, kPiece / row);
  }

  int64_t Units() const { return (in_all_ + in_unit_ - 1) / in_unit_; }

  const CommonAxes<count>& axes() const { return axes_; }
  /** Bytes between neighbours of a piece. */
  int64_t Step(int view) const { return axes_.steps[view][axes_.rank - 1]; }

  /** Goes through the pieces of a unit: `while (at.Next()) ...`. */
  class Cursor {
   public:
    Cursor(const Pieces& pieces, int64_t unit) : pieces_(pieces) {
      next_ = unit * pieces.in_unit_;
      end_ = std::min(next_ + pieces.in_unit_, pieces.in_all_);
      const int last = pieces.axes_.rank - 1;
      int64_t rest = next_ / pieces.in_row_;
      for (int axis = last - 1; axis >= 0; axis--) {
        index_[axis] = rest % pieces.axes_.extents[axis];
        rest /= pieces.axes_.extents[axis];
        for (int v = 0; v < count; v++) row_[v] += index_[axis] * pieces.axes_.steps[v][axis];
      }
      piece_ = next_ % pieces.in_row_ - 1;
    }

    bool Next() {
      if (next_ >= end_) return false;
      if (++piece_ == pieces_.in_row_) {
        piece_ = 0;
        NextRow();
      }
      next_++;
      const int last = pieces_.axes_.rank - 1;
      const int64_t first = piece_ * kPiece;
      elements = static_cast<size_t>(std::min(kPiece, pieces_.axes_.extents[last] - first));
      for (int v = 0; v < count; v++) offsets[v] = row_[v] + first * pieces_.axes_.steps[v][last];
      return true;
    }

    /** Of this piece: how many, and where it starts in each view, in bytes. */
    size_t elements = 0;
    int64_t offsets[count] = {};

   private:
    void NextRow() {
      for (int axis = pieces_.axes_.rank - 2; axis >= 0; axis--) {
        for (int v = 0; v < count; v++) row_[v] += pieces_.axes_.steps[v][axis];
        if (++index_[axis] < pieces_.axes_.extents[axis]) return;
        for (int v = 0; v < count; v++) row_[v] -= pieces_.axes_.extents[axis] * pieces_.axes_.steps[v][axis];
        index_[axis] = 0;
      }
    }

    const Pieces& pieces_;
    int64_t next_, end_, piece_;
    int64_t index_[kMaxAxes] = {};
    int64_t row_[count] = {};
  };

 private:
  CommonAxes<count> axes_;
  int64_t in_row_, in_all_, in_unit_;
};

}  // namespace ss
