#include "ops.h"

namespace ss {

const std::vector<Op>& Ops() {
  static const std::vector<Op> ops = {};
  return ops;
}

}  // namespace ss
