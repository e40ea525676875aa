#include "ops.h"

namespace ss {

const std::vector<Op>& Ops() {
  static const std::vector<Op> ops = {
      Add(), Argmax(), CausalConv1d(), CausalConv1dBackward(), CausalConv1dUpdate(), Copy(), CrossEntropy(),
      CrossEntropyBackward(), Embedding(), EmbeddingBackward(), Linear(), LinearBackward(), Pack(), RmsNorm(),
      RmsNormBackward(), Sample(), SelectiveScan(), SelectiveScanBackward(), SelectiveStateUpdate(), Silu(),
      Softplus(),
  };
  return ops;
}

}  // namespace ss
