// Rows of arguments as dense f32: where they lie when they are, in scratch otherwise.
#if defined(SS_ROWS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SS_ROWS_INL_H_
#undef SS_ROWS_INL_H_
#else
#define SS_ROWS_INL_H_
#endif

#include "floats-inl.h"
#include "rows.h"

HWY_BEFORE_NAMESPACE();
namespace ss {
namespace HWY_NAMESPACE {

inline bool IsDenseF32(const RowArg& row) { return row.dtype == DType::f32 && row.step == sizeof(float); }

/** The row to read; `buffer` has room for `count` elements. */
inline const float* Floats(const RowArg& row, size_t count, float* buffer) {
  if (IsDenseF32(row)) return reinterpret_cast<const float*>(row.at);
  LoadRow(row.at, row.step, row.dtype, count, buffer);
  return buffer;
}

/** Where to write a row that {@link Finish} then brings home. */
inline float* Target(const RowArg& row, float* buffer) {
  return IsDenseF32(row) ? reinterpret_cast<float*>(row.at) : buffer;
}

inline void Finish(const RowArg& row, size_t count, const float* written) {
  if (!IsDenseF32(row)) StoreRow(written, count, row.at, row.step, row.dtype);
}

/** The first `count` lanes, fewer than a vector has; 0 in the others. Reads nothing beyond. */
template <class D, class V = hn::Vec<D>>
HWY_INLINE V LoadFew(D d, const float* from, size_t count) {
#if HWY_TARGET <= HWY_AVX2
  return hn::MaskedLoad(hn::FirstN(d, count), d, from);
#else
  HWY_ALIGN float lanes[hn::MaxLanes(d)] = {};
  std::memcpy(lanes, from, count * sizeof(float));
  return hn::Load(d, lanes);
#endif
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE void StoreFew(V value, D d, float* to, size_t count) {
#if HWY_TARGET <= HWY_AVX2
  hn::BlendedStore(value, hn::FirstN(d, count), d, to);
#else
  HWY_ALIGN float lanes[hn::MaxLanes(d)];
  hn::Store(value, d, lanes);
  std::memcpy(to, lanes, count * sizeof(float));
#endif
}

/**
 * to[i] = f(i, load) for a row: `load(from)` is the vector of another row at the same place. The last lanes take the
 * same arithmetic as all others.
 */
template <class F>
HWY_INLINE void ForLanes(size_t count, float* to, F f) {
  const F32 d;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + lanes <= count; i += lanes)
    hn::StoreU(f([&](const float* from) HWY_ATTR { return hn::LoadU(d, from + i); }), d, to + i);
  if (i == count) return;
  const size_t few = count - i;
  StoreFew(f([&](const float* from) HWY_ATTR { return LoadFew(d, from + i, few); }), d, to + i, few);
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace ss
HWY_AFTER_NAMESPACE();

#endif
