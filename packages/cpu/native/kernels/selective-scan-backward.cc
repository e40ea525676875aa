#include "../ops.h"
#include "scan-backward.h"

namespace ss {
namespace {

enum Input { kU, kDelta, kA, kB, kC, kDy, kD, kZ, kDeltaBias, kInitialState, kDfinalState, kCuSeqlens, kStateIndices };
enum Output { kDu = kStateIndices + 1, kDdelta, kDA, kDB, kDC, kDD, kDz, kDdeltaBias, kDinitialState };
enum Option { kSoftplus, kReverse };
enum Size { kSizeB, kSizeL, kSizeD, kSizeN, kSizeG, kSizeS };

constexpr SequenceArgs kSequence = {kCuSeqlens, kStateIndices, -1, kInitialState, kSizeB, kSizeS, kSizeL};

bool Varies(const Call& call, int arg) { return call[arg].rank > 2; }

/** The kernel's view of a call, and where in the shared scratch its parts are; `bytes` of it in all. */
ScanBackwardTask TaskOf(const Call& call, size_t& bytes) {
  ScanBackwardTask task;
  ScanTask& scan = task.scan;
  const int64_t L = call.Size(kSizeL), D = call.Size(kSizeD), N = call.Size(kSizeN), G = call.Size(kSizeG);
  scan.sequences = SequencesOf(call, kSequence);
  // Channels of one group are one head to the kernel, so that heads are what rows of B and C belong to.
  scan.H = G;
  scan.P = D / G;
  scan.N = N;
  scan.softplus = call.Flag(kSoftplus);
  scan.reverse = call.Flag(kReverse);
  const auto sequence = [&](int arg) { return SplitViewOf<4>(call[arg], {0, 1, kNone, 2}, 2, scan.P); };
  const auto channel = [&](int arg) { return SplitViewOf<2>(call[arg], {kNone, 0}, 0, scan.P); };
  const auto matrix = [&](int arg) { return SplitViewOf<3>(call[arg], {kNone, 0, 1}, 0, scan.P); };
  const auto states = [&](int arg) { return SplitViewOf<4>(call[arg], {0, kNone, 1, 2}, 1, scan.P); };
  const auto projection = [&](int arg) {
    return call[arg].rank == 4 ? ViewOf<4>(call[arg], {0, 1, 2, 3}) : ViewOf<4>(call[arg], {0, 1, kNone, 2});
  };
  scan.u = sequence(kU);
  scan.delta = sequence(kDelta);
  scan.z = sequence(kZ);
  scan.A = matrix(kA);
  scan.B_varies = Varies(call, kB);
  scan.C_varies = Varies(call, kC);
  if (scan.B_varies) scan.B = projection(kB);
  else scan.constant_B = matrix(kB);
  if (scan.C_varies) scan.C = projection(kC);
  else scan.constant_C = matrix(kC);
  scan.D = channel(kD);
  scan.bias = channel(kDeltaBias);
  scan.before = states(kInitialState);
  task.batch = call.Size(kSizeB);
  task.dy = sequence(kDy);
  task.du = sequence(kDu);
  task.ddelta = sequence(kDdelta);
  task.dz = sequence(kDz);
  task.dafter = states(kDfinalState);
  task.dbefore = states(kDinitialState);
  task.by_slot = call[kStateIndices] && call[kDinitialState];
  const int64_t slice = (scan.P + kMostSlices - 1) / kMostSlices;
  task.slice = (slice + kSliceUnit - 1) / kSliceUnit * kSliceUnit;
  task.slices = (scan.P + task.slice - 1) / task.slice;

  const int64_t S = scan.sequences.count;
  PartsPlan plan(SequenceScratch(call, kSequence));
  const auto projected = [&](int arg) {
    if (!Varies(call, arg)) return plan.Place({1, S, N, D});
    // A group sums the slices of its own head; a projection that all heads share, those of every head.
    return call[arg].rank == 4 ? plan.Place({G, task.slices, task.batch * L, N})
                               : plan.Place({1, G * task.slices, task.batch * L, N});
  };
  task.dA = plan.Place({1, S, N, D});
  task.dB = projected(kB);
  task.dC = projected(kC);
  if (call[kD]) task.dD = plan.Place({1, S, 1, D});
  if (call[kDeltaBias]) task.dbias = plan.Place({1, S, 1, D});
  if (task.by_slot) task.dstate = plan.Place({1, S, N, D});
  bytes = plan.bytes();
  return task;
}

Assessment Assess(const Call& call) {
  Assessment yes;
  // Gradients have their input's dtype, and f64 would promise more than sums in f32 can hold.
  yes.refusal = UnsupportedDType(call, {{{kU, kDelta, kA, kB, kC, kDy, kD, kZ, kDeltaBias}, kNarrowFloats},
                                        {{kInitialState, kDfinalState, kDinitialState}, {DType::f32}}});
  if (!yes.refusal.code.empty()) return yes;
  const ScanBackwardTask task = TaskOf(call, yes.shared_scratch);
  yes.own_scratch = ScanBackwardScratch(task);
  yes.contiguous = SequenceBits(kSequence);
  yes.flops = 30.0 * static_cast<double>(call[kU].Elements() * call.Size(kSizeN));
  return yes;
}

/** The gradient of a varying projection as its parts have it: (group, row, n). Outputs are dense: batch and time are one axis. */
View<3> ProjectionGradient(const Arg& out) {
  View<3> view;
  view.data = out.data;
  view.dtype = out.dtype;
  view.steps = {out.rank == 4 ? out.Step(2) : 0, out.Step(1), out.Step(out.rank - 1)};
  return view;
}

std::vector<Phase> Plan(const Call& call) {
  size_t bytes = 0;
  const ScanBackwardTask task = TaskOf(call, bytes);
  std::vector<Phase> phases;
  CheckSequences(phases, task.scan.sequences);
  AddScanBackward(phases, task);
  const auto matrix = [&](int arg) { return ViewOf<3>(call[arg], {kNone, 1, 0}); };
  const auto channel = [&](int arg) { return ViewOf<3>(call[arg], {kNone, kNone, 0}); };
  const auto projection = [&](int arg) {
    return Varies(call, arg) ? ProjectionGradient(call[arg]) : matrix(arg);
  };
  SumParts(phases, task.dA, matrix(kDA));
  SumParts(phases, task.dB, projection(kDB));
  SumParts(phases, task.dC, projection(kDC));
  if (task.dD.count) SumParts(phases, task.dD, channel(kDD));
  if (task.dbias.count) SumParts(phases, task.dbias, channel(kDdeltaBias));
  if (task.by_slot) SumBySlot(phases, task.dstate, task.scan.sequences, ViewOf<3>(call[kDinitialState], {0, 2, 1}));
  return phases;
}

}  // namespace

Op SelectiveScanBackward() {
  return {"selectiveScanBackward",
          {"u", "delta", "A", "B", "C", "dy", "D", "z", "deltaBias", "initialState", "dfinalState", "cuSeqlens", "stateIndices"},
          {"du", "ddelta", "dA", "dB", "dC", "dD", "dz", "ddeltaBias", "dinitialState"},
          {"softplus", "reverse"},
          {"B", "L", "D", "N", "G", "S"},
          Assess,
          Plan};
}

}  // namespace ss
