// Rows of any float dtype and stride as rows of f32, and back, once for each instruction set.
#if defined(SS_FLOATS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SS_FLOATS_INL_H_
#undef SS_FLOATS_INL_H_
#else
#define SS_FLOATS_INL_H_
#endif

#include <cstring>

#include "../dtype.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace ss {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using F32 = hn::ScalableTag<float>;

inline float BF16ToFloat(uint16_t bits) {
  const uint32_t wide = static_cast<uint32_t>(bits) << 16;
  float value;
  std::memcpy(&value, &wide, 4);
  return value;
}

/** To nearest, ties to even; a NaN stays one. */
inline uint16_t FloatToBF16(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  if ((bits & 0x7fffffff) > 0x7f800000) return static_cast<uint16_t>((bits >> 16) | 0x40);
  return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

inline float F16ToFloat(uint16_t bits) {
  // Shifted into place the exponent is 112 too small, which a product with 2^112 mends, denormals included.
  const uint32_t magnitude = static_cast<uint32_t>(bits & 0x7fff) << 13;
  float value;
  std::memcpy(&value, &magnitude, 4);
  value *= 0x1p112f;
  uint32_t wide;
  std::memcpy(&wide, &value, 4);
  if (magnitude >= 0x0f800000) wide |= 0x7f800000;
  wide |= static_cast<uint32_t>(bits & 0x8000) << 16;
  std::memcpy(&value, &wide, 4);
  return value;
}

/** To nearest, ties to even, denormals included; what is too large becomes infinity. */
inline uint16_t FloatToF16(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  const uint16_t sign = static_cast<uint16_t>((bits >> 16) & 0x8000);
  bits &= 0x7fffffff;
  if (bits > 0x7f800000) return sign | 0x7e00;
  if (bits >= 0x477ff000) return sign | 0x7c00;
  if (bits < 0x38800000) {
    // A denormal: let the adder round it, at the weight of f16's last place.
    float tiny;
    std::memcpy(&tiny, &bits, 4);
    tiny += 0.5f;
    std::memcpy(&bits, &tiny, 4);
    return sign | static_cast<uint16_t>(bits - 0x3f000000);
  }
  bits += 0xfff + ((bits >> 13) & 1);
  return sign | static_cast<uint16_t>((bits - 0x38000000) >> 13);
}

/** One element, whatever its dtype. */
inline float LoadFloat(const char* at, DType dtype) {
  switch (dtype) {
    case DType::f32: return *reinterpret_cast<const float*>(at);
    case DType::f64: return static_cast<float>(*reinterpret_cast<const double*>(at));
    case DType::f16: return F16ToFloat(*reinterpret_cast<const uint16_t*>(at));
    default: return BF16ToFloat(*reinterpret_cast<const uint16_t*>(at));
  }
}

inline void StoreFloat(char* at, DType dtype, float value) {
  switch (dtype) {
    case DType::f32: *reinterpret_cast<float*>(at) = value; return;
    case DType::f64: *reinterpret_cast<double*>(at) = value; return;
    case DType::f16: *reinterpret_cast<uint16_t*>(at) = FloatToF16(value); return;
    default: *reinterpret_cast<uint16_t*>(at) = FloatToBF16(value); return;
  }
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V LoadBF16(D d, const uint16_t* from) {
  const hn::Rebind<uint16_t, D> d16;
  const hn::RebindToUnsigned<D> d32;
  return hn::BitCast(d, hn::ShiftLeft<16>(hn::PromoteTo(d32, hn::LoadU(d16, from))));
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V LoadF16(D d, const uint16_t* from) {
#if HWY_TARGET <= HWY_AVX2 || HWY_ARCH_ARM
  const hn::Rebind<hwy::float16_t, D> d16;
  return hn::PromoteTo(d, hn::LoadU(d16, reinterpret_cast<const hwy::float16_t*>(from)));
#else
  // As F16ToFloat: what Highway does without an instruction for it takes infinities and NaN for numbers.
  const hn::Rebind<uint16_t, D> d16;
  const hn::RebindToUnsigned<D> d32;
  const auto bits = hn::PromoteTo(d32, hn::LoadU(d16, from));
  const auto magnitude = hn::ShiftLeft<13>(hn::And(bits, hn::Set(d32, 0x7fffu)));
  const auto sign = hn::ShiftLeft<16>(hn::And(bits, hn::Set(d32, 0x8000u)));
  const auto value = hn::BitCast(d32, hn::Mul(hn::BitCast(d, magnitude), hn::Set(d, 0x1p112f)));
  const auto special = hn::Gt(hn::BitCast(hn::RebindToSigned<D>(), magnitude), hn::Set(hn::RebindToSigned<D>(), 0x0f7fffff));
  const auto filled = hn::And(hn::VecFromMask(d32, hn::RebindMask(d32, special)), hn::Set(d32, 0x7f800000u));
  return hn::BitCast(d, hn::Or(hn::Or(value, filled), sign));
#endif
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE void StoreBF16(D, V value, uint16_t* to) {
  const hn::RebindToUnsigned<D> d32;
  const hn::RebindToSigned<D> di;
  const hn::Rebind<uint16_t, D> d16;
  const auto bits = hn::BitCast(d32, value);
  const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(d32, 1u));
  const auto rounded = hn::ShiftRight<16>(hn::Add(bits, hn::Add(odd, hn::Set(d32, 0x7fffu))));
  const auto quiet = hn::Or(hn::ShiftRight<16>(bits), hn::Set(d32, 0x40u));
  const auto number = hn::RebindMask(d32, hn::Eq(value, value));
  const auto chosen = hn::IfThenElse(number, rounded, quiet);
  // All fit 16 bits, so saturation from signed never acts.
  hn::StoreU(hn::DemoteTo(d16, hn::BitCast(di, chosen)), d16, to);
}

/** `count` floats of one dtype, `step` bytes apart, as dense f32. */
inline void LoadRow(const char* from, int64_t step, DType dtype, size_t count, float* HWY_RESTRICT to) {
  const F32 d;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  if (step == static_cast<int64_t>(BytesOf(dtype))) {
    if (dtype == DType::f32) {
      std::memcpy(to, from, count * sizeof(float));
      return;
    }
    const uint16_t* narrow = reinterpret_cast<const uint16_t*>(from);
    if (dtype == DType::bf16)
      for (; i + lanes <= count; i += lanes) hn::StoreU(LoadBF16(d, narrow + i), d, to + i);
    else if (dtype == DType::f16)
      for (; i + lanes <= count; i += lanes) hn::StoreU(LoadF16(d, narrow + i), d, to + i);
  }
  for (; i < count; i++) to[i] = LoadFloat(from + static_cast<int64_t>(i) * step, dtype);
}

/** The reverse of LoadRow. */
inline void StoreRow(const float* HWY_RESTRICT from, size_t count, char* to, int64_t step, DType dtype) {
  const F32 d;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  if (step == static_cast<int64_t>(BytesOf(dtype))) {
    if (dtype == DType::f32) {
      std::memcpy(to, from, count * sizeof(float));
      return;
    }
    if (dtype == DType::bf16) {
      uint16_t* narrow = reinterpret_cast<uint16_t*>(to);
      for (; i + lanes <= count; i += lanes) StoreBF16(d, hn::LoadU(d, from + i), narrow + i);
    }
#if HWY_TARGET <= HWY_AVX2
    if (dtype == DType::f16) {
      const hn::Rebind<hwy::float16_t, F32> d16;
      hwy::float16_t* narrow = reinterpret_cast<hwy::float16_t*>(to);
      for (; i + lanes <= count; i += lanes)
        hn::StoreU(hn::DemoteTo(d16, hn::LoadU(d, from + i)), d16, narrow + i);
    }
#endif
  }
  for (; i < count; i++) StoreFloat(to + static_cast<int64_t>(i) * step, dtype, from[i]);
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace ss
HWY_AFTER_NAMESPACE();

#endif
