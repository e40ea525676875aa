#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "call.h"

namespace ss {

/** Memory that a call may use while it runs; contents undefined, both 256-byte aligned. */
struct Scratch {
  /** For the whole call, from one phase to the next. */
  char* shared;
  /** For the thread that runs a unit. */
  char* own;
};

/**
 * A part of a call that is cut into units which any thread may run in any order, each once; the next phase starts
 * when all are done. How a phase is cut must not depend on the number of threads: results are the same bits
 * for any. A unit throws std::runtime_error with a sentence when the values it meets are wrong (an id outside).
 */
struct Phase {
  int64_t units;
  /** About how long one thread takes for all of it, in nanoseconds; decides whether others are worth waking. */
  double nanoseconds;
  std::function<void(const Scratch&, int64_t unit)> run;
};

/** Why an op does not take a call: a code of the contract's blockers, and the sentence. */
struct Refusal {
  std::string code;
  std::string message;
};

/** How an op would run a call; asked with shapes alone. */
struct Assessment {
  Refusal refusal;
  /** The plan's class: any chunking gives the same bits. */
  bool bitwise = false;
  /** Inputs that must be dense, a bit for each by its index. */
  uint32_t contiguous = 0;
  size_t shared_scratch = 0;
  size_t own_scratch = 0;
  double flops = 0;
  double bytes = 0;
  std::vector<std::string> notes;

  static Assessment Refuse(std::string code, std::string message) {
    Assessment refused;
    refused.refusal = {std::move(code), std::move(message)};
    return refused;
  }
};

/** One op of the contract, with its arguments by name as core calls them. */
struct Op {
  const char* name;
  std::vector<const char*> inputs;
  std::vector<const char*> outputs;
  std::vector<const char*> options;
  std::vector<const char*> sizes;
  /** Pure, cheap, without memory. */
  Assessment (*assess)(const Call&);
  /** The phases of a call whose memory is known; asked once for every list that the call stands in. */
  std::vector<Phase> (*plan)(const Call&);
};

/** Every op of this build. */
const std::vector<Op>& Ops();

/** An input or output whose dtype is not among those; empty when all are. */
inline Refusal UnsupportedDType(const Call& call, int arg, std::initializer_list<DType> allowed) {
  const Arg& value = call[arg];
  if (!value) return {};
  for (DType dtype : allowed)
    if (value.dtype == dtype) return {};
  const Op& op = *call.op;
  const size_t index = static_cast<size_t>(arg);
  const char* name = index < op.inputs.size() ? op.inputs[index] : op.outputs[index - op.inputs.size()];
  return {"dtype-unsupported", std::string("cpu has no ") + op.name + " with " + name + " in " +
                                   dtypeNames[static_cast<int>(value.dtype)]};
}

/** What some of the arguments may be stored as. */
struct AllowedDTypes {
  std::initializer_list<int> args;
  std::initializer_list<DType> dtypes;
};

inline Refusal UnsupportedDType(const Call& call, std::initializer_list<AllowedDTypes> allowed) {
  for (const auto& [args, dtypes] : allowed)
    for (int arg : args)
      if (Refusal refusal = UnsupportedDType(call, arg, dtypes); !refusal.code.empty()) return refusal;
  return {};
}

inline constexpr std::initializer_list<DType> kNarrowFloats = {DType::f32, DType::f16, DType::bf16};
inline constexpr std::initializer_list<DType> kFloats = {DType::f32, DType::f16, DType::bf16, DType::f64};

}  // namespace ss
