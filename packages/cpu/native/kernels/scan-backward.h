#pragma once

#include <cstdint>
#include <vector>

#include "parts.h"
#include "scan.h"

namespace ss {

/** Time steps between states that are kept on the way forward; memory grows with L / this, never with L N. */
inline constexpr int64_t kGradientTile = 16;
/** Slices that the channels of a head are cut into: a constant, or bits would depend on the number of threads. */
inline constexpr int64_t kMostSlices = 8;
/** Slices are multiples of the longest vector. */
inline constexpr int64_t kSliceUnit = 16;

/** The gradient of a scan as its kernel sees it; views and sizes as in {@link ScanTask}. */
struct ScanBackwardTask {
  /** The forward's inputs; `before` is the initial state, `y` and `after` are not used. */
  ScanTask scan;
  int64_t batch = 1;
  View<4> dy, du, ddelta, dz;
  /** (S, H, P, N) cotangent of the final state */
  View<4> dafter;
  /** (S, H, P, N); with slots, parts for each sequence instead */
  View<4> dbefore;
  bool by_slot = false;
  int64_t slice = kSliceUnit, slices = 1;
  /** dA, and dB or dC if constant: rows N, width H P, a part a sequence; dB or dC if varying: rows B L, width N, a part
   * a slice; dD and dbias: one row of width H P, a part a sequence; dstate: rows N, width H P, a part a sequence. */
  Parts dA, dB, dC, dD, dbias, dstate;
};

size_t ScanBackwardScratch(const ScanBackwardTask& task);
/** The phase that makes the parts and what needs none. */
void AddScanBackward(std::vector<Phase>& phases, const ScanBackwardTask& task);

}  // namespace ss
