#pragma once

#include "op.h"

namespace ss {

// One function an op, in the file of its name under kernels/; `Ops()` in ops.cc lists them.
Op Add();
Op Argmax();
Op Copy();
Op CrossEntropy();
Op CrossEntropyBackward();
Op RmsNorm();
Op RmsNormBackward();
Op Sample();
Op SelectiveScan();
Op SelectiveScanBackward();
Op SelectiveStateUpdate();
Op Silu();
Op Softplus();

}  // namespace ss
