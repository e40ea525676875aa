#pragma once

#include "op.h"

namespace ss {

// One function an op, in the file of its name under kernels/; `Ops()` in ops.cc lists them.
Op Add();
Op Copy();
Op RmsNorm();
Op RmsNormBackward();
Op SelectiveScan();
Op SelectiveStateUpdate();
Op Silu();
Op Softplus();

}  // namespace ss
