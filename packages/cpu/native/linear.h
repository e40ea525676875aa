#pragma once

#include <cstddef>
#include <cstdint>

#include "call.h"

namespace ss {

/*
 * A packed weight (M, K) is a list of panels of 16 outputs, each [k][16], the last one filled up with zeros: what a
 * vector of outputs needs next always follows in memory. The same panels serve one row of x (a stream of weights)
 * and many (tiles), on every instruction set, and a row of the weight can be looked up in them.
 *
 * | format | holds                                     | bytes of (M, K)               |
 * | ------ | ----------------------------------------- | ----------------------------- |
 * | f32    | f32                                       | ceil(M / 16) 16 K 4           |
 * | f16    | f16, all of them finite                   | ceil(M / 16) 16 K 2           |
 * | bf16   | bf16                                      | ceil(M / 16) 16 K 2           |
 * | i8     | i8, then an f32 scale for each output     | ceil(M / 16) 16 (K + 4)       |
 *
 * In i8 panels weight = q scale with |q| <= 127 and scale = max|w| / 127 over the row.
 */

/** Outputs of a panel: a vector of the widest instruction set, a whole number of them in the others. */
inline constexpr int64_t kPanel = 16;

constexpr int64_t PanelsOf(int64_t M) { return (M + kPanel - 1) / kPanel; }

/** Bytes of one weight of a packed format. */
constexpr int64_t PackedBytes(Format format) {
  switch (format) {
    case Format::f16:
    case Format::bf16: return 2;
    case Format::i8: return 1;
    default: return 4;
  }
}

/** The M scales of an i8 weight, filled up to whole panels. */
inline float* ScalesOf(char* packed, int64_t M, int64_t K) {
  return reinterpret_cast<float*>(packed + PanelsOf(M) * kPanel * K);
}

struct PackedForm {
  Format format;
  size_t bytes;
};

/** How a weight (M, K) is packed to be stored as `as`. @returns false when it is not: it stays dense then */
inline bool PackingOf(int64_t M, int64_t K, DType as, PackedForm* form) {
  Format format;
  switch (as) {
    case DType::f32: format = Format::f32; break;
    case DType::f16: format = Format::f16; break;
    case DType::bf16: format = Format::bf16; break;
    case DType::i8: format = Format::i8; break;
    default: return false;
  }
  const int64_t scales = format == Format::i8 ? static_cast<int64_t>(sizeof(float)) : 0;
  *form = {format, static_cast<size_t>(PanelsOf(M) * kPanel * (K * PackedBytes(format) + scales))};
  return true;
}

}  // namespace ss
