#include "../ops.h"
#include "conv-backward.h"

namespace ss {
namespace {

enum Input { kX, kWeight, kDy, kBias, kInitialState, kDfinalState, kCuSeqlens, kStateIndices };
enum Output { kDx = kStateIndices + 1, kDweight, kDbias, kDinitialState };
enum Option { kActivation, kReverse };
enum Size { kSizeB, kSizeL, kSizeD, kSizeW, kSizeS };

constexpr SequenceArgs kSequence = {kCuSeqlens, kStateIndices, -1, kInitialState, kSizeB, kSizeS, kSizeL};

/** The kernel's view of a call, and where in the shared scratch its parts are; `bytes` of it in all. */
ConvBackwardTask TaskOf(const Call& call, size_t& bytes) {
  ConvBackwardTask task;
  ConvTask& conv = task.conv;
  conv.sequences = SequencesOf(call, kSequence);
  conv.D = call.Size(kSizeD);
  conv.W = call.Size(kSizeW);
  conv.silu = call.Flag(kActivation);
  conv.reverse = call.Flag(kReverse);
  const auto view = [&](int arg) { return ViewOf<3>(call[arg], {0, 1, 2}); };
  conv.x = view(kX);
  conv.weight = ViewOf<2>(call[kWeight], {0, 1});
  conv.bias = ViewOf<1>(call[kBias], {0});
  conv.before = view(kInitialState);
  task.batch = call.Size(kSizeB);
  task.dy = view(kDy);
  task.dx = view(kDx);
  task.dafter = view(kDfinalState);
  task.dbefore = view(kDinitialState);
  task.by_slot = call[kStateIndices] && call[kDinitialState];
  const int64_t S = conv.sequences.count;
  PartsPlan plan(SequenceScratch(call, kSequence));
  task.dweight = plan.Place({1, S, conv.W, conv.D});
  if (call[kBias]) task.dbias = plan.Place({1, S, 1, conv.D});
  if (task.by_slot) task.dstate = plan.Place({1, S, conv.W - 1, conv.D});
  bytes = plan.bytes();
  return task;
}

Assessment Assess(const Call& call) {
  Assessment yes;
  // Gradients have their input's dtype, and f64 would promise more than sums in f32 can hold.
  yes.refusal = UnsupportedDType(
      call, {{{kX, kWeight, kDy, kBias, kInitialState, kDfinalState, kDinitialState}, kNarrowFloats}});
  if (!yes.refusal.code.empty()) return yes;
  TaskOf(call, yes.shared_scratch);
  yes.own_scratch = ConvBackwardScratch(call.Size(kSizeW));
  yes.contiguous = SequenceBits(kSequence);
  yes.flops = 6.0 * static_cast<double>(call[kX].Elements() * call.Size(kSizeW));
  return yes;
}

std::vector<Phase> Plan(const Call& call) {
  size_t bytes = 0;
  const ConvBackwardTask task = TaskOf(call, bytes);
  std::vector<Phase> phases;
  CheckSequences(phases, task.conv.sequences);
  AddConvBackward(phases, task);
  SumParts(phases, task.dweight, ViewOf<3>(call[kDweight], {kNone, 1, 0}));
  if (task.dbias.count) SumParts(phases, task.dbias, ViewOf<3>(call[kDbias], {kNone, kNone, 0}));
  if (task.by_slot) SumBySlot(phases, task.dstate, task.conv.sequences, ViewOf<3>(call[kDinitialState], {0, 1, 2}));
  return phases;
}

}  // namespace

Op CausalConv1dBackward() {
  return {"causalConv1dBackward",
          {"x", "weight", "dy", "bias", "initialState", "dfinalState", "cuSeqlens", "stateIndices"},
          {"dx", "dweight", "dbias", "dinitialState"},
          {"activation", "reverse"},
          {"B", "L", "D", "W", "S"},
          Assess,
          Plan};
}

}  // namespace ss
