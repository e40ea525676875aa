#pragma once

#include <cstdint>
#include <vector>

#include "conv.h"
#include "parts.h"

namespace ss {

/** Channels of one unit of work. */
inline constexpr int64_t kConvGradientSpan = 128;

/** The gradient of a convolution as its kernel sees it; views and sizes as in {@link ConvTask}. */
struct ConvBackwardTask {
  /** The forward's inputs; `y` and `after` are not used. */
  ConvTask conv;
  int64_t batch = 1;
  View<3> dy, dx;
  /** (S, W - 1, D) cotangent of the final state */
  View<3> dafter;
  /** (S, W - 1, D); with slots, parts for each sequence instead */
  View<3> dbefore;
  bool by_slot = false;
  /** Rows W (1, W - 1) of D channels, a part a sequence. */
  Parts dweight, dbias, dstate;
};

size_t ConvBackwardScratch(int64_t W);
/** The phase that makes the parts and what needs none. */
void AddConvBackward(std::vector<Phase>& phases, const ConvBackwardTask& task);

}  // namespace ss
