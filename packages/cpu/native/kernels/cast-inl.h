// Rows of one dtype as rows of another, each element rounded once.
#if defined(SS_CAST_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SS_CAST_INL_H_
#undef SS_CAST_INL_H_
#else
#define SS_CAST_INL_H_
#endif

#include <algorithm>
#include <cmath>
#include <limits>

#include "floats-inl.h"

HWY_BEFORE_NAMESPACE();
namespace ss {
namespace HWY_NAMESPACE {

/** Elements that are cast at a time. */
inline constexpr size_t kCastBlock = 512;

/**
 * The f32 of a number, cut instead of rounded and with the last bit set when that lost anything: rounding it again
 * to half the width gives what rounding the number once would (Boldo & Melquiond 2008).
 */
inline float RoundToOdd(double value) {
  float rounded = static_cast<float>(value);
  if (static_cast<double>(rounded) == value || std::isnan(value)) return rounded;
  uint32_t bits;
  std::memcpy(&bits, &rounded, 4);
  if (std::abs(static_cast<double>(rounded)) > std::abs(value)) bits--;
  bits |= 1;
  std::memcpy(&rounded, &bits, 4);
  return rounded;
}

/** Cut towards zero and kept in range; NaN is 0. */
template <class Integer>
Integer CutTo(double value) {
  // 2^63 - 1 is not a double; the one below 2^63 is.
  constexpr double high = sizeof(Integer) == 8 ? 0x1p63 - 1024 : static_cast<double>(std::numeric_limits<Integer>::max());
  constexpr double low = static_cast<double>(std::numeric_limits<Integer>::min());
  if (std::isnan(value)) return 0;
  return static_cast<Integer>(std::clamp(value, low, high));
}

template <class Element, class To, class Convert>
HWY_INLINE void ForRow(const char* from, int64_t from_step, size_t count, char* to, int64_t to_step, Convert convert) {
  for (size_t i = 0; i < count; i++, from += from_step, to += to_step)
    *reinterpret_cast<To*>(to) = convert(*reinterpret_cast<const Element*>(from));
}

/** Exact but for i64 beyond 2^53. */
inline void LoadDoubles(const char* from, int64_t step, DType dtype, size_t count, double* wide) {
  char* to = reinterpret_cast<char*>(wide);
  const auto plain = [](auto value) { return static_cast<double>(value); };
  switch (dtype) {
    case DType::f64: return ForRow<double, double>(from, step, count, to, 8, plain);
    case DType::f32: return ForRow<float, double>(from, step, count, to, 8, plain);
    case DType::f16: return ForRow<uint16_t, double>(from, step, count, to, 8, F16ToFloat);
    case DType::bf16: return ForRow<uint16_t, double>(from, step, count, to, 8, BF16ToFloat);
    case DType::i64: return ForRow<int64_t, double>(from, step, count, to, 8, plain);
    case DType::i32: return ForRow<int32_t, double>(from, step, count, to, 8, plain);
    case DType::u32: return ForRow<uint32_t, double>(from, step, count, to, 8, plain);
    case DType::i8: return ForRow<int8_t, double>(from, step, count, to, 8, plain);
    case DType::u8: return ForRow<uint8_t, double>(from, step, count, to, 8, plain);
    case DType::complex64: return;
  }
}

inline void StoreDoubles(const double* wide, size_t count, char* to, int64_t step, DType dtype) {
  const char* from = reinterpret_cast<const char*>(wide);
  switch (dtype) {
    case DType::f64: return ForRow<double, double>(from, 8, count, to, step, [](double x) { return x; });
    case DType::f32: return ForRow<double, float>(from, 8, count, to, step, [](double x) { return static_cast<float>(x); });
    case DType::f16:
      return ForRow<double, uint16_t>(from, 8, count, to, step, [](double x) { return FloatToF16(RoundToOdd(x)); });
    case DType::bf16:
      return ForRow<double, uint16_t>(from, 8, count, to, step, [](double x) { return FloatToBF16(RoundToOdd(x)); });
    case DType::i64: return ForRow<double, int64_t>(from, 8, count, to, step, CutTo<int64_t>);
    case DType::i32: return ForRow<double, int32_t>(from, 8, count, to, step, CutTo<int32_t>);
    case DType::u32: return ForRow<double, uint32_t>(from, 8, count, to, step, CutTo<uint32_t>);
    case DType::i8: return ForRow<double, int8_t>(from, 8, count, to, step, CutTo<int8_t>);
    case DType::u8: return ForRow<double, uint8_t>(from, 8, count, to, step, CutTo<uint8_t>);
    case DType::complex64: return;
  }
}

/** The same bits at another step. */
inline void MoveRow(const char* from, int64_t from_step, size_t count, char* to, int64_t to_step, size_t bytes) {
  if (from_step == static_cast<int64_t>(bytes) && to_step == from_step) {
    std::memcpy(to, from, count * bytes);
    return;
  }
  const auto same = [](auto bits) { return bits; };
  switch (bytes) {
    case 1: return ForRow<uint8_t, uint8_t>(from, from_step, count, to, to_step, same);
    case 2: return ForRow<uint16_t, uint16_t>(from, from_step, count, to, to_step, same);
    case 4: return ForRow<uint32_t, uint32_t>(from, from_step, count, to, to_step, same);
    default: return ForRow<uint64_t, uint64_t>(from, from_step, count, to, to_step, same);
  }
}

/** Any row as a row of any other dtype (complex64 only as itself). */
inline void CastRow(const char* from, int64_t from_step, DType from_dtype, size_t count, char* to, int64_t to_step,
                    DType to_dtype) {
  if (from_dtype == to_dtype) return MoveRow(from, from_step, count, to, to_step, BytesOf(from_dtype));
  // f32 holds every narrow float, so that only the store rounds.
  const bool through_f32 = IsFloat(from_dtype) && from_dtype != DType::f64 && IsFloat(to_dtype);
  HWY_ALIGN double wide[kCastBlock];
  float* single = reinterpret_cast<float*>(wide);
  for (size_t done = 0; done < count; done += kCastBlock) {
    const size_t block = std::min(kCastBlock, count - done);
    if (through_f32) {
      LoadRow(from, from_step, from_dtype, block, single);
      StoreRow(single, block, to, to_step, to_dtype);
    } else {
      LoadDoubles(from, from_step, from_dtype, block, wide);
      StoreDoubles(wide, block, to, to_step, to_dtype);
    }
    from += static_cast<int64_t>(block) * from_step;
    to += static_cast<int64_t>(block) * to_step;
  }
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace ss
HWY_AFTER_NAMESPACE();

#endif
