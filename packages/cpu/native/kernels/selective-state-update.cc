#include "../ops.h"
#include "scan.h"

namespace ss {
namespace {

enum Input { kState, kX, kDt, kA, kB, kC, kD, kZ, kDtBias, kStateIndices, kYOut };
enum Option { kSoftplus };
enum Size { kSizeB, kSizeD, kSizeH, kSizeP, kSizeN, kSizeG };

constexpr SequenceArgs kSequence = {-1, kStateIndices, kState, -1, kSizeB, -1, -1};

Assessment Assess(const Call& call) {
  Assessment yes;
  yes.refusal = UnsupportedDType(
      call, {{{kX, kDt, kB, kC, kZ, kYOut}, kNarrowFloats}, {{kA, kD, kDtBias}, kFloats}, {{kState}, {DType::f32}}});
  yes.bitwise = true;
  yes.contiguous = SequenceBits(kSequence);
  yes.shared_scratch = SequenceScratch(call, kSequence);
  yes.own_scratch = ScanScratch(call.Size(kSizeN));
  yes.flops = 8.0 * static_cast<double>(call[kX].Elements() * call.Size(kSizeN));
  return yes;
}

/** A scan of one step: the same kernel, hence the same bits. */
std::vector<Phase> Plan(const Call& call) {
  const bool heads = call[kX].rank == 3;
  const int64_t groups = call.Size(kSizeG);
  ScanTask task;
  task.sequences = SequencesOf(call, kSequence);
  // Without heads, the channels of one group are one head to the kernel.
  task.H = heads ? call.Size(kSizeH) : groups;
  task.P = heads ? call.Size(kSizeP) : call.Size(kSizeD) / groups;
  task.N = call.Size(kSizeN);
  task.heads_per_group = task.H / groups;
  task.softplus = call.Flag(kSoftplus);
  const auto step = [&](int arg) {
    return heads ? ViewOf<4>(call[arg], {0, kNone, 1, 2}) : SplitViewOf<4>(call[arg], {0, kNone, kNone, 1}, 2, task.P);
  };
  const auto channel = [&](int arg) {
    return heads ? ViewOf<2>(call[arg], {0, 1}) : SplitViewOf<2>(call[arg], {kNone, 0}, 0, task.P);
  };
  const auto projection = [&](int arg) {
    return call[arg].rank == 3 ? ViewOf<4>(call[arg], {0, kNone, 1, 2}) : ViewOf<4>(call[arg], {0, kNone, kNone, 1});
  };
  task.u = step(kX);
  task.delta = step(kDt);
  task.z = step(kZ);
  task.y = step(kYOut);
  task.A = heads ? ViewOf<3>(call[kA], {0, 1, 2}) : SplitViewOf<3>(call[kA], {kNone, 0, 1}, 0, task.P);
  task.B = projection(kB);
  task.C = projection(kC);
  task.D = channel(kD);
  task.bias = channel(kDtBias);
  task.before = task.after =
      heads ? ViewOf<4>(call[kState], {0, 1, 2, 3}) : SplitViewOf<4>(call[kState], {0, kNone, 1, 2}, 1, task.P);
  std::vector<Phase> phases;
  CheckSequences(phases, task.sequences);
  AddScan(phases, task);
  return phases;
}

}  // namespace

Op SelectiveStateUpdate() {
  return {"selectiveStateUpdate",
          {"state", "x", "dt", "A", "B", "C", "D", "z", "dtBias", "stateIndices"},
          {"y"},
          {"softplus"},
          {"B", "D", "H", "P", "N", "G"},
          Assess,
          Plan};
}

}  // namespace ss
