#pragma once

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace ss {

/**
 * While one lives, results too small for a normal f32 are zero in its thread. A state that nothing feeds any
 * more decays into denormals, and each operation on one would take a hundred times as long. Inputs that are
 * denormal are still read as they are, so that conversions of f16 stay exact.
 */
class FlushDenormals {
 public:
#if defined(__x86_64__)
  FlushDenormals() : before_(_mm_getcsr()) { _mm_setcsr(before_ | kFlushToZero); }
  ~FlushDenormals() { _mm_setcsr(before_); }
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
  static constexpr unsigned kFlushToZero = 0x8000;
  unsigned before_;
#endif
};

}  // namespace ss
