#pragma once

#include <cstddef>
#include <cstdint>

namespace ss {

/** How one element is stored; the order is that of `dtypeNames`. */
enum class DType : uint8_t { f64, f32, f16, bf16, complex64, i64, i32, u32, i8, u8 };

inline constexpr const char* dtypeNames[] = {"f64", "f32", "f16", "bf16", "complex64",
                                             "i64", "i32", "u32", "i8",   "u8"};

constexpr size_t BytesOf(DType dtype) {
  switch (dtype) {
    case DType::f64:
    case DType::complex64:
    case DType::i64: return 8;
    case DType::f32:
    case DType::i32:
    case DType::u32: return 4;
    case DType::f16:
    case DType::bf16: return 2;
    case DType::i8:
    case DType::u8: return 1;
  }
  return 0;
}

constexpr bool IsFloat(DType dtype) { return dtype <= DType::bf16; }

}  // namespace ss
