// Blocks of a matrix of any dtype and strides as dense rows of f32, once for each instruction set.
#if defined(SS_BLOCK_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SS_BLOCK_INL_H_
#undef SS_BLOCK_INL_H_
#else
#define SS_BLOCK_INL_H_
#endif

#include <algorithm>

#include "../matrix.h"
#include "floats-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace ss {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/** Four rows of four, `from` that many floats apart, as columns. */
HWY_INLINE void Transpose4x4(const float* HWY_RESTRICT from, int64_t from_step, float* HWY_RESTRICT to,
                             int64_t to_step) {
  const hn::Full128<float> d;
  const hn::Full128<double> pairs;
  const auto a = hn::LoadU(d, from), b = hn::LoadU(d, from + from_step);
  const auto c = hn::LoadU(d, from + 2 * from_step), e = hn::LoadU(d, from + 3 * from_step);
  const auto ab = hn::BitCast(pairs, hn::InterleaveLower(d, a, b)), AB = hn::BitCast(pairs, hn::InterleaveUpper(d, a, b));
  const auto ce = hn::BitCast(pairs, hn::InterleaveLower(d, c, e)), CE = hn::BitCast(pairs, hn::InterleaveUpper(d, c, e));
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, ab, ce)), d, to);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, ab, ce)), d, to + to_step);
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, AB, CE)), d, to + 2 * to_step);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, AB, CE)), d, to + 3 * to_step);
}

/** to[c][r] = from[r][c]; steps in floats. */
inline void TransposeBlock(const float* HWY_RESTRICT from, int64_t from_step, int64_t rows, int64_t columns,
                           float* HWY_RESTRICT to, int64_t to_step) {
  const int64_t whole_rows = rows / 4 * 4, whole_columns = columns / 4 * 4;
  for (int64_t c = 0; c < whole_columns; c += 4)
    for (int64_t r = 0; r < whole_rows; r += 4)
      Transpose4x4(from + r * from_step + c, from_step, to + c * to_step + r, to_step);
  for (int64_t r = 0; r < rows; r++)
    for (int64_t c = r < whole_rows ? whole_columns : 0; c < columns; c++)
      to[c * to_step + r] = from[r * from_step + c];
}

/** Rows [r, r + rows), columns [c, c + columns) of a matrix whose rows are contiguous. */
inline void LoadRows(const Matrix& from, int64_t r, int64_t rows, int64_t c, int64_t columns, float* HWY_RESTRICT to,
                     int64_t step) {
  const F32 d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t i = 0; i < rows; i++, to += step) {
    const char* row = from.At(r + i, c);
    if (from.dtype == DType::f32 && columns % lanes == 0 && columns <= 64) {
      // Not worth a call.
      const float* values = reinterpret_cast<const float*>(row);
      for (int64_t j = 0; j < columns; j += lanes) hn::StoreU(hn::LoadU(d, values + j), d, to + j);
    } else {
      LoadRow(row, from.columns.step(), from.dtype, static_cast<size_t>(columns), to);
    }
  }
}

/** Rows [r, r + rows), columns [c, c + columns) of any matrix to `to`, rows `step` floats apart; `room` of kBlockRoom. */
inline void LoadBlock(const Matrix& from, int64_t r, int64_t rows, int64_t c, int64_t columns, float* HWY_RESTRICT to,
                      int64_t step, float* HWY_RESTRICT room) {
  if (from.HasRows()) {
    LoadRows(from, r, rows, c, columns, to, step);
    return;
  }
  const Matrix across = from.Transposed();
  if (across.HasRows()) {
    constexpr int64_t kTall = 16, kWide = kBlockRoom / kTall;
    for (int64_t i = 0; i < columns; i += kTall) {
      const int64_t tall = std::min(kTall, columns - i);
      for (int64_t j = 0; j < rows; j += kWide) {
        const int64_t wide = std::min(kWide, rows - j);
        LoadRows(across, c + i, tall, r + j, wide, room, kWide);
        TransposeBlock(room, kWide, tall, wide, to + j * step + i, step);
      }
    }
    return;
  }
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < columns; j++) to[i * step + j] = LoadFloat(from.At(r + i, c + j), from.dtype);
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace ss
HWY_AFTER_NAMESPACE();

#endif
