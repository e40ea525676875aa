#include "../ops.h"
#include "scan.h"

namespace ss {
namespace {

enum Input { kU, kDelta, kA, kB, kC, kD, kZ, kDeltaBias, kInitialState, kState, kCuSeqlens, kStateIndices, kYOut, kFinalState };
enum Option { kSoftplus, kReturnFinal, kReverse };
enum Size { kSizeB, kSizeL, kSizeD, kSizeN, kSizeG, kSizeS };

constexpr SequenceArgs kSequence = {kCuSeqlens, kStateIndices, kState, kInitialState, kSizeB, kSizeS, kSizeL};

Assessment Assess(const Call& call) {
  Assessment yes;
  yes.refusal = UnsupportedDType(call, {{{kU, kDelta, kZ, kYOut}, kNarrowFloats},
                                        {{kA, kB, kC, kD, kDeltaBias}, kFloats},
                                        {{kInitialState, kState, kFinalState}, {DType::f32}}});
  yes.bitwise = true;
  yes.contiguous = SequenceBits(kSequence);
  yes.shared_scratch = SequenceScratch(call, kSequence);
  yes.own_scratch = ScanScratch(call.Size(kSizeN));
  yes.flops = 8.0 * static_cast<double>(call[kU].Elements() * call.Size(kSizeN));
  return yes;
}

std::vector<Phase> Plan(const Call& call) {
  ScanTask task;
  task.sequences = SequencesOf(call, kSequence);
  // Channels of one group are one head to the kernel, so that heads are what rows of B and C belong to.
  task.H = call.Size(kSizeG);
  task.P = call.Size(kSizeD) / task.H;
  task.N = call.Size(kSizeN);
  task.softplus = call.Flag(kSoftplus);
  task.reverse = call.Flag(kReverse);
  const auto sequence = [&](int arg) { return SplitViewOf<4>(call[arg], {0, 1, kNone, 2}, 2, task.P); };
  const auto channel = [&](int arg) { return SplitViewOf<2>(call[arg], {kNone, 0}, 0, task.P); };
  const auto matrix = [&](int arg) { return SplitViewOf<3>(call[arg], {kNone, 0, 1}, 0, task.P); };
  const auto states = [&](int arg) { return SplitViewOf<4>(call[arg], {0, kNone, 1, 2}, 1, task.P); };
  const auto projection = [&](int arg) {
    return call[arg].rank == 4 ? ViewOf<4>(call[arg], {0, 1, 2, 3}) : ViewOf<4>(call[arg], {0, 1, kNone, 2});
  };
  task.u = sequence(kU);
  task.delta = sequence(kDelta);
  task.z = sequence(kZ);
  task.y = sequence(kYOut);
  task.A = matrix(kA);
  task.B_varies = call[kB].rank > 2;
  task.C_varies = call[kC].rank > 2;
  if (task.B_varies) task.B = projection(kB);
  else task.constant_B = matrix(kB);
  if (task.C_varies) task.C = projection(kC);
  else task.constant_C = matrix(kC);
  task.D = channel(kD);
  task.bias = channel(kDeltaBias);
  task.before = states(call[kState] ? kState : kInitialState);
  task.after = states(call[kState] ? kState : kFinalState);
  std::vector<Phase> phases;
  CheckSequences(phases, task.sequences);
  AddScan(phases, task);
  return phases;
}

}  // namespace

Op SelectiveScan() {
  return {"selectiveScan",
          {"u", "delta", "A", "B", "C", "D", "z", "deltaBias", "initialState", "state", "cuSeqlens", "stateIndices"},
          {"y", "finalState"},
          {"softplus", "finalState", "reverse"},
          {"B", "L", "D", "N", "G", "S"},
          Assess,
          Plan};
}

}  // namespace ss
