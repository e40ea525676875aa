#include "ops.h"

namespace ss {

const std::vector<Op>& Ops() {
  static const std::vector<Op> ops = {
      Add(), Copy(), RmsNorm(), RmsNormBackward(), SelectiveScan(), SelectiveStateUpdate(), Silu(), Softplus()};
  return ops;
}

}  // namespace ss
