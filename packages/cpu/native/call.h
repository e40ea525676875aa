#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "dtype.h"

namespace ss {

struct Op;

/** More axes than any op of the contract has; copies of more are collapsed or refused before they get here. */
inline constexpr int kMaxAxes = 8;

/** How a weight is stored: by its strides, or packed by `pack` (see linear.h). */
enum class Format : uint8_t { strided, f32, f16, bf16, i8 };

/** A tensor argument. Strides are in elements, 0 broadcasts, negative walks backwards. */
struct Arg {
  /** The element at index 0 of every axis; null while a call is only assessed. */
  char* data = nullptr;
  bool given = false;
  DType dtype = DType::f32;
  Format format = Format::strided;
  int rank = 0;
  int64_t shape[kMaxAxes] = {};
  int64_t strides[kMaxAxes] = {};

  explicit operator bool() const { return given; }
  /** Bytes between neighbours along an axis. */
  int64_t Step(int axis) const { return strides[axis] * static_cast<int64_t>(BytesOf(dtype)); }
  int64_t Elements() const {
    int64_t product = 1;
    for (int axis = 0; axis < rank; axis++) product *= shape[axis];
    return product;
  }
  bool Dense() const {
    int64_t step = 1;
    for (int axis = rank - 1; axis >= 0; axis--) {
      if (shape[axis] > 1 && strides[axis] != step) return false;
      step *= shape[axis];
    }
    return true;
  }
};

/**
 * A validated call: core has checked shapes, dtypes and options before it gets here. `args` are the op's inputs
 * in the order of its table, then its outputs; `options` and `sizes` likewise. Options have their defaults, those without
 * one are NaN, flags are 0 or 1; sizes that the call does not have are 0.
 */
struct Call {
  const Op* op = nullptr;
  std::vector<Arg> args;
  std::vector<double> options;
  std::vector<int64_t> sizes;

  const Arg& operator[](int arg) const { return args[static_cast<size_t>(arg)]; }
  bool Flag(int option) const { return options[static_cast<size_t>(option)] == 1; }
  double Option(int option) const { return options[static_cast<size_t>(option)]; }
  int64_t Size(int size) const { return sizes[static_cast<size_t>(size)]; }
};

}  // namespace ss
