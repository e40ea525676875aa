#pragma once

#include <chrono>
#include <thread>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace ss {

inline void Relax() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/** How long to look for what comes soon before sleeping: waking up again takes tens of microseconds. */
inline constexpr std::chrono::microseconds kSpin{50};

/** True as soon as `ready` is; false when it was not within `kSpin`. Does not look twice where only one core is. */
template <class Ready>
bool SpinUntil(const Ready& ready) {
  static const bool alone = std::thread::hardware_concurrency() < 2;
  if (ready()) return true;
  if (alone) return false;
  const auto until = std::chrono::steady_clock::now() + kSpin;
  do {
    for (int turn = 0; turn < 32; turn++) {
      Relax();
      if (ready()) return true;
    }
  } while (std::chrono::steady_clock::now() < until);
  return false;
}

}  // namespace ss
