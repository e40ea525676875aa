#pragma once

#include <cstdint>
#include <vector>

#include "../op.h"
#include "sequences.h"
#include "view.h"

namespace ss {

/** Channels of one unit of work: the rows of a window, and the weights, stay in the first cache. */
inline constexpr int64_t kConvSpan = 512;
/** Time steps of one unit of work. */
inline constexpr int64_t kConvSteps = 256;

/** A causal convolution as its kernel sees it: x and y (B, T, D), weight (D, W), bias (D), states (S, W - 1, D). */
struct ConvTask {
  Sequences sequences;
  int64_t D = 1, W = 1;
  bool silu = false, reverse = false;
  View<3> x, y;
  View<2> weight;
  View<1> bias;
  /** `after` has a row for each slot when in place, else for each sequence */
  View<3> before, after;
};

size_t ConvScratch(const ConvTask& task);
void AddConv(std::vector<Phase>& phases, const ConvTask& task);

}  // namespace ss
