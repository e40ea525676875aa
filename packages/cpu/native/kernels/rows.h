#pragma once

#include <algorithm>
#include <cstdint>

#include "../call.h"
#include "axes.h"

namespace ss {

/** One row of an argument: its first element, null when the argument was not given, and bytes between neighbours. */
struct RowArg {
  char* at = nullptr;
  int64_t step = 0;
  DType dtype = DType::f32;

  explicit operator bool() const { return at != nullptr; }
};

/** Arguments (..., K) of one shape, row by row; the first of them is always given. */
template <int count>
class Rows {
 public:
  Rows(const Call& call, const int (&args)[count]) : leading_(Leading(call, args)) {
    for (int a = 0; a < count; a++) {
      const Arg& arg = call[args[a]];
      if (arg) rows_[a] = {arg.data, arg.Step(arg.rank - 1), arg.dtype};
    }
  }

  void At(int64_t row, RowArg (&rows)[count]) const {
    int64_t offsets[count];
    leading_.Locate(row, offsets);
    for (int a = 0; a < count; a++) {
      rows[a] = rows_[a];
      if (rows[a]) rows[a].at += offsets[a];
    }
  }

 private:
  static CommonAxes<count> Leading(const Call& call, const int (&args)[count]) {
    Arg views[count];
    const Arg* pointers[count];
    for (int a = 0; a < count; a++) {
      views[a] = call[args[0]];
      if (!call[args[a]]) std::fill_n(views[a].strides, kMaxAxes, 0);
      else views[a] = call[args[a]];
      views[a].rank--;
      pointers[a] = &views[a];
    }
    return CommonAxes<count>(pointers);
  }

  CommonAxes<count> leading_;
  RowArg rows_[count];
};

/** Rows that a unit of work takes, about as many elements as fit the L1 cache together. */
inline int64_t RowsOfUnit(int64_t width) { return std::max<int64_t>(1, 8192 / std::max<int64_t>(width, 1)); }

/** Elements of a row of scratch: whole vectors of any instruction set, and whole cache lines. */
inline size_t PaddedRow(int64_t width) { return (static_cast<size_t>(width) + 15) / 16 * 16; }

}  // namespace ss
