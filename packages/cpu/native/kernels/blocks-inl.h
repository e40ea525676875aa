// Rows of channels as vectors: padded to whole ones, and spread over blocks of one vector each.
#if defined(SS_BLOCKS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SS_BLOCKS_INL_H_
#undef SS_BLOCKS_INL_H_
#else
#define SS_BLOCKS_INL_H_
#endif

#include <cstring>

#include "floats-inl.h"

HWY_BEFORE_NAMESPACE();
namespace ss {
namespace HWY_NAMESPACE {

HWY_INLINE int64_t LaneCount() { return static_cast<int64_t>(hn::Lanes(F32())); }

HWY_INLINE int64_t VectorsOf(int64_t count) { return (count + LaneCount() - 1) / LaneCount(); }

HWY_INLINE bool IsDense(int64_t step, DType dtype) { return dtype == DType::f32 && step == sizeof(float); }

/** Whole vectors of f32 may be loaded from such a row. */
HWY_INLINE bool IsWhole(int64_t step, DType dtype, int64_t count) {
  return IsDense(step, dtype) && count % LaneCount() == 0;
}

/** The row as whole vectors of f32: itself where it is that, else a copy in `buffer` with zeros beyond `count`. */
HWY_INLINE const float* Widened(const char* from, int64_t step, DType dtype, int64_t count, float* buffer) {
  if (IsWhole(step, dtype, count)) return reinterpret_cast<const float*>(from);
  for (int64_t i = count; i < VectorsOf(count) * LaneCount(); i++) buffer[i] = 0;
  LoadRow(from, step, dtype, static_cast<size_t>(count), buffer);
  return buffer;
}

/** Rows n of `count` channels each as [vector][n][lane], times a factor; zeros beyond `count`. */
HWY_INLINE void LoadBlocks(const char* from, int64_t step, int64_t row_step, DType dtype, int64_t rows, int64_t count,
                           float factor, float* buffer, float* to) {
  const F32 d;
  const int64_t lanes = LaneCount();
  for (int64_t n = 0; n < rows; n++, from += row_step) {
    const float* row = Widened(from, step, dtype, count, buffer);
    for (int64_t v = 0; v < VectorsOf(count); v++)
      hn::Store(hn::Mul(hn::LoadU(d, row + v * lanes), hn::Set(d, factor)), d, to + (v * rows + n) * lanes);
  }
}

/** The same without a factor: bits are kept. */
HWY_INLINE void LoadBlocks(const char* from, int64_t step, int64_t row_step, DType dtype, int64_t rows, int64_t count,
                           float* buffer, float* to) {
  const F32 d;
  const int64_t lanes = LaneCount();
  for (int64_t n = 0; n < rows; n++, from += row_step) {
    const float* row = Widened(from, step, dtype, count, buffer);
    for (int64_t v = 0; v < VectorsOf(count); v++)
      hn::Store(hn::LoadU(d, row + v * lanes), d, to + (v * rows + n) * lanes);
  }
}

/** The inverse of LoadBlocks. */
HWY_INLINE void StoreBlocks(const float* from, int64_t rows, int64_t count, char* to, int64_t step, int64_t row_step,
                            DType dtype, float* buffer) {
  const F32 d;
  const int64_t lanes = LaneCount();
  for (int64_t n = 0; n < rows; n++, to += row_step) {
    float* row = IsWhole(step, dtype, count) ? reinterpret_cast<float*>(to) : buffer;
    for (int64_t v = 0; v < VectorsOf(count); v++)
      hn::StoreU(hn::Load(d, from + (v * rows + n) * lanes), d, row + v * lanes);
    if (row == buffer) StoreRow(buffer, static_cast<size_t>(count), to, step, dtype);
  }
}

/** What a walk fetches into the second cache for later: a line of each at every step. */
struct Ahead {
  static constexpr int kStreams = 4;
  const char* at[kStreams];
  int64_t step[kStreams];

  HWY_INLINE void Fetch() {
    HWY_UNROLL(4)
    for (int i = 0; i < kStreams; i++) {
      __builtin_prefetch(at[i], 0, 2);
      at[i] += step[i];
    }
  }
};

HWY_INLINE void Clear(float* to, int64_t floats) { std::memset(to, 0, static_cast<size_t>(floats) * sizeof(float)); }

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace ss
HWY_AFTER_NAMESPACE();

#endif
