#include "../ops.h"
#include "conv.h"

namespace ss {
namespace {

/** Arguments of the convolution of a sequence; -1 for what one step has not got. */
struct Layout {
  int x, weight, bias, initial_state, state, y, final_state;
  int silu, final_wanted, reverse;
  SequenceArgs sequence;
  int D, W;
};

constexpr Layout kWhole = {.x = 0, .weight = 1, .bias = 2, .initial_state = 3, .state = 4, .y = 7, .final_state = 8,
                           .silu = 0, .final_wanted = 1, .reverse = 2,
                           .sequence = {.cu_seqlens = 5, .state_indices = 6, .state = 4, .initial_state = 3, .B = 0, .S = 4, .L = 1},
                           .D = 2, .W = 3};
constexpr Layout kStep = {.x = 0, .weight = 2, .bias = 3, .initial_state = -1, .state = 1, .y = 5, .final_state = -1,
                          .silu = 0, .final_wanted = -1, .reverse = -1,
                          .sequence = {.cu_seqlens = -1, .state_indices = 4, .state = 1, .initial_state = -1, .B = 0, .S = -1, .L = -1},
                          .D = 1, .W = 2};

bool Has(const Call& call, int arg) { return arg >= 0 && call[arg]; }

ConvTask TaskOf(const Call& call, const Layout& at) {
  ConvTask task;
  task.sequences = SequencesOf(call, at.sequence);
  task.D = call.Size(at.D);
  task.W = call.Size(at.W);
  task.silu = call.Flag(at.silu);
  task.reverse = at.reverse >= 0 && call.Flag(at.reverse);
  const auto sequence = [&](int arg) {
    return call[arg].rank == 3 ? ViewOf<3>(call[arg], {0, 1, 2}) : ViewOf<3>(call[arg], {0, kNone, 1});
  };
  task.x = sequence(at.x);
  task.y = sequence(at.y);
  task.weight = ViewOf<2>(call[at.weight], {0, 1});
  task.bias = ViewOf<1>(call[at.bias], {0});
  const int before = Has(call, at.state) ? at.state : at.initial_state;
  const int after = Has(call, at.state) ? at.state : at.final_state;
  if (before >= 0) task.before = ViewOf<3>(call[before], {0, 1, 2});
  if (after >= 0) task.after = ViewOf<3>(call[after], {0, 1, 2});
  return task;
}

Assessment AssessAt(const Call& call, const Layout& at) {
  Assessment yes;
  yes.refusal = UnsupportedDType(call, {{{at.x, at.y, at.state}, kNarrowFloats}, {{at.weight, at.bias}, kFloats}});
  if (yes.refusal.code.empty() && at.initial_state >= 0)
    yes.refusal = UnsupportedDType(call, {{{at.initial_state, at.final_state}, kNarrowFloats}});
  yes.bitwise = true;
  yes.contiguous = SequenceBits(at.sequence);
  yes.shared_scratch = SequenceScratch(call, at.sequence);
  yes.own_scratch = ConvScratch(TaskOf(call, at));
  const double elements = static_cast<double>(call[at.x].Elements());
  yes.flops = 2.0 * elements * static_cast<double>(call.Size(at.W));
  yes.bytes = 2.0 * elements * static_cast<double>(BytesOf(call[at.x].dtype));
  return yes;
}

std::vector<Phase> PlanAt(const Call& call, const Layout& at) {
  const ConvTask task = TaskOf(call, at);
  std::vector<Phase> phases;
  CheckSequences(phases, task.sequences);
  AddConv(phases, task);
  return phases;
}

}  // namespace

Op CausalConv1d() {
  return {"causalConv1d",
          {"x", "weight", "bias", "initialState", "state", "cuSeqlens", "stateIndices"},
          {"y", "finalState"},
          {"activation", "finalState", "reverse"},
          {"B", "L", "D", "W", "S"},
          [](const Call& call) { return AssessAt(call, kWhole); },
          [](const Call& call) { return PlanAt(call, kWhole); }};
}

/** A convolution of one step: the same kernel, hence the same bits. */
Op CausalConv1dUpdate() {
  return {"causalConv1dUpdate",
          {"x", "state", "weight", "bias", "stateIndices"},
          {"y"},
          {"activation"},
          {"B", "D", "W"},
          [](const Call& call) { return AssessAt(call, kStep); },
          [](const Call& call) { return PlanAt(call, kStep); }};
}

}  // namespace ss
