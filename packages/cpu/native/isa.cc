#include "isa.h"

#include <algorithm>
#include <cctype>

#include "hwy/highway.h"

namespace ss {

std::string ChosenIsa() {
  // A better target is a lower bit.
  const int64_t usable = hwy::SupportedTargets() & HWY_TARGETS;
  std::string name = hwy::TargetName(usable & -usable);
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
  return name;
}

bool LimitIsa(const std::string& name) {
#if HWY_ARCH_X86
  const int64_t best = name == "sse4"   ? HWY_SSE4
                       : name == "avx2" ? HWY_AVX2
                       : name == "avx3" ? HWY_AVX3
                                        : 0;
#else
  const int64_t best = name == "neon" ? HWY_NEON : 0;
#endif
  if (best == 0) return false;
  hwy::DisableTargets(best - 1);
  return true;
}

}  // namespace ss
