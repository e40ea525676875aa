#pragma once

#include "op.h"

namespace ss {

// One function an op, in the file of its name under kernels/; `Ops()` in ops.cc lists them.
Op Add();
Op Argmax();
Op CausalConv1d();
Op CausalConv1dBackward();
Op CausalConv1dUpdate();
Op Copy();
Op CrossEntropy();
Op CrossEntropyBackward();
Op Embedding();
Op EmbeddingBackward();
Op Linear();
Op LinearBackward();
Op Pack();
Op RmsNorm();
Op RmsNormBackward();
Op Sample();
Op SelectiveScan();
Op SelectiveScanBackward();
Op SelectiveStateUpdate();
Op Silu();
Op Softplus();

}  // namespace ss
