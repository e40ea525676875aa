#include "list.h"

#include <algorithm>
#include <stdexcept>

#include "queue.h"

namespace ss {
namespace {

constexpr size_t RoundUp(size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

/** Bytes before and after the element at index 0 of every axis that a strided tensor covers. */
struct Extent {
  int64_t before = 0;
  int64_t after = 0;
};

Extent ExtentOf(const Arg& arg) {
  if (arg.Elements() == 0) return {};
  Extent extent{0, static_cast<int64_t>(BytesOf(arg.dtype))};
  for (int axis = 0; axis < arg.rank; axis++) {
    const int64_t reach = (arg.shape[axis] - 1) * arg.Step(axis);
    (reach < 0 ? extent.before : extent.after) += reach;
  }
  return extent;
}

#if defined(__SANITIZE_ADDRESS__)
/** The scratch of a call as one piece of memory for each part, so that a sanitizer sees what goes beyond. */
class ScratchParts {
 public:
  ScratchParts(char*, size_t shared, size_t own, int threads) {
    parts_.push_back(Storage::Allocate(shared));
    for (int thread = 0; thread < threads; thread++) parts_.push_back(Storage::Allocate(own));
  }
  ~ScratchParts() {
    for (Storage* part : parts_) part->Release();
  }
  Scratch Of(int thread) const { return {parts_[0]->data(), parts_[static_cast<size_t>(thread) + 1]->data()}; }

 private:
  std::vector<Storage*> parts_;
};
#else
/** The scratch of a call: what its threads share, then what each has for its own. */
class ScratchParts {
 public:
  ScratchParts(char* scratch, size_t shared, size_t own, int)
      : shared_(scratch), own_(scratch + RoundUp(shared)), step_(RoundUp(own)) {}
  Scratch Of(int thread) const { return {shared_, own_ + step_ * static_cast<size_t>(thread)}; }

 private:
  char* shared_;
  char* own_;
  size_t step_;
};
#endif

}  // namespace

double CallReader::Word() {
  if (next_ == end_) throw std::runtime_error("a list of calls ends too early");
  return *next_++;
}

Call CallReader::Read() {
  const size_t index = static_cast<size_t>(Integer());
  if (index >= Ops().size()) throw std::runtime_error("a list of calls names an op that is not there");
  Call call;
  call.op = &Ops()[index];
  scratch_ = static_cast<uint64_t>(Integer());
  const size_t args = call.op->inputs.size() + call.op->outputs.size();
  buffers_.assign(args, 0);
  offsets_.assign(args, 0);
  call.args.resize(args);
  for (size_t i = 0; i < args; i++) {
    const int64_t kind = Integer();
    if (kind == 0) continue;
    Arg& arg = call.args[i];
    arg.given = true;
    arg.dtype = static_cast<DType>((kind - 1) % 16);
    arg.format = static_cast<Format>((kind - 1) / 16);
    buffers_[i] = static_cast<uint64_t>(Integer());
    offsets_[i] = Integer();
    const int64_t rank = Integer();
    if (rank < 0 || rank > kMaxAxes) throw std::runtime_error("a list of calls has a tensor of too many axes");
    arg.rank = static_cast<int>(rank);
    for (int axis = 0; axis < arg.rank; axis++) arg.shape[axis] = Integer();
    for (int axis = 0; axis < arg.rank; axis++) arg.strides[axis] = Integer();
  }
  call.options.resize(call.op->options.size());
  for (double& option : call.options) option = Word();
  call.sizes.resize(call.op->sizes.size());
  for (int64_t& size : call.sizes) size = Integer();
  return call;
}

CallList::CallList(const double* words, size_t count, Allocator& buffers) {
  try {
    for (CallReader reader(words, count); !reader.done();) {
      Planned planned;
      planned.call = reader.Read();
      if (reader.scratch() != 0) planned.scratch = Hold(reader.scratch(), buffers, &planned.scratch_bytes);
      for (size_t i = 0; i < planned.call.args.size(); i++) {
        Arg& arg = planned.call.args[i];
        if (!arg) continue;
        size_t bytes;
        char* begin = Hold(reader.buffers()[i], buffers, &bytes);
        const int64_t at = reader.offsets()[i] * static_cast<int64_t>(BytesOf(arg.dtype));
        const Extent extent = arg.format == Format::strided ? ExtentOf(arg) : Extent{};
        if (at + extent.before < 0 || at + extent.after > static_cast<int64_t>(bytes))
          throw std::runtime_error("a tensor does not lie within its buffer");
        arg.data = begin + at;
      }
      calls_.push_back(std::move(planned));
    }
  } catch (...) {
    for (Storage* storage : storages_) storage->Release();
    throw;
  }
}

CallList::~CallList() {
  for (Storage* storage : storages_) storage->Release();
}

char* CallList::Hold(uint64_t buffer, Allocator& buffers, size_t* bytes) {
  Block* block = buffers.Find(buffer);
  if (block == nullptr) throw std::runtime_error("a buffer was used after it was freed");
  *bytes = block->bytes;
  if (std::find(buffers_.begin(), buffers_.end(), buffer) == buffers_.end()) {
    buffers_.push_back(buffer);
    storages_.push_back(block->storage);
    block->storage->Retain();
  }
  return block->storage->data();
}

void CallList::Touch(Allocator& buffers, uint64_t task) const {
  for (uint64_t buffer : buffers_)
    if (Block* block = buffers.Find(buffer)) block->last_use = task;
}

void CallList::Plan() {
  if (planned_) return;
  for (size_t i = 0; i < calls_.size(); i++) {
    Planned& planned = calls_[i];
    try {
      const Assessment assessment = planned.call.op->assess(planned.call);
      if (!assessment.refusal.code.empty()) throw std::runtime_error(assessment.refusal.message);
      planned.shared_scratch = assessment.shared_scratch;
      planned.own_scratch = assessment.own_scratch;
      planned.phases = planned.call.op->plan(planned.call);
    } catch (const std::exception& error) {
      throw CallError(static_cast<int>(i), error.what());
    }
  }
  planned_ = true;
}

void CallList::Run(Pool& pool) {
  Plan();
  for (size_t i = 0; i < calls_.size(); i++) {
    const Planned& planned = calls_[i];
    try {
      if (ScratchBytes(planned.shared_scratch, planned.own_scratch, pool.threads()) > planned.scratch_bytes)
        throw std::runtime_error("the scratch of a call is too small");
      const ScratchParts scratch(planned.scratch, planned.shared_scratch, planned.own_scratch, pool.threads());
      for (const Phase& phase : planned.phases) {
        if (pool.cancelled()) return;
        pool.Run(phase.units, phase.nanoseconds,
                 [&](int thread, int64_t unit) { phase.run(scratch.Of(thread), unit); });
      }
    } catch (const std::exception& error) {
      throw CallError(static_cast<int>(i), error.what());
    }
  }
}

size_t ScratchBytes(size_t shared, size_t own, int threads) {
  return RoundUp(shared) + RoundUp(own) * static_cast<size_t>(threads);
}

}  // namespace ss
