#include "isa.h"

#include <algorithm>
#include <atomic>
#include <cctype>

#include "hwy/highway.h"

namespace ss {
namespace {

/**
 * What this processor and this build have in common, a bit for each; the better ones are the lower bits. Asked once:
 * asking Highway sets its dispatch back to everything that it finds.
 */
int64_t Targets() {
  static const int64_t targets = hwy::SupportedTargets() & HWY_TARGETS;
  return targets;
}

std::atomic<int64_t> usable{Targets()};

}  // namespace

std::string ChosenIsa() {
  const int64_t targets = usable.load();
  std::string name = hwy::TargetName(targets & -targets);
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
  const int64_t limited = Targets() & ~(best - 1);
  usable.store(limited);
  hwy::GetChosenTarget().Update(limited);
  return true;
}

}  // namespace ss
