#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "allocator.h"
#include "op.h"
#include "pool.h"

namespace ss {

/**
 * Reads calls out of the numbers that `src/encode.ts` writes: for a call the index of its op, the buffer of its
 * scratch (0 for none), then for each input and output 0 when it was not given, or
 *
 *     1 + dtype + 16 * format, buffer, offset, rank, shape..., strides...
 *
 * then its options and sizes. @throws std::runtime_error for what cannot be
 */
class CallReader {
 public:
  CallReader(const double* words, size_t count) : next_(words), end_(words + count) {}

  bool done() const { return next_ == end_; }
  /** The next call, without memory. */
  Call Read();

  /** Of the call that was read last, by argument: the number of its buffer and where in it the tensor begins. */
  const std::vector<uint64_t>& buffers() const { return buffers_; }
  const std::vector<int64_t>& offsets() const { return offsets_; }
  uint64_t scratch() const { return scratch_; }

 private:
  double Word();
  int64_t Integer() { return static_cast<int64_t>(Word()); }

  const double* next_;
  const double* end_;
  std::vector<uint64_t> buffers_;
  std::vector<int64_t> offsets_;
  uint64_t scratch_ = 0;
};

/** Calls with their memory, planned by their ops when they first run. Holds a reference to every storage. */
class CallList {
 public:
  /** @throws std::runtime_error for a buffer that does not live, or a tensor that does not lie within its own */
  CallList(const double* words, size_t count, Allocator& buffers);
  ~CallList();
  CallList(const CallList&) = delete;
  CallList& operator=(const CallList&) = delete;

  /** Notes that task number `task` of the queue touches its buffers. */
  void Touch(Allocator& buffers, uint64_t task) const;

  /** Asks the ops how they run. @throws CallError */
  void Plan();
  /** @throws CallError for the first call that fails; those after it do not run */
  void Run(Pool& pool);

 private:
  struct Planned {
    Call call;
    char* scratch = nullptr;
    size_t scratch_bytes = 0;
    size_t shared_scratch = 0;
    size_t own_scratch = 0;
    std::vector<Phase> phases;
  };

  char* Hold(uint64_t buffer, Allocator& buffers, size_t* bytes);

  std::vector<Planned> calls_;
  std::vector<uint64_t> buffers_;
  std::vector<Storage*> storages_;
  bool planned_ = false;
};

/** What the engine has to allocate for a call with so much scratch shared and for each thread. */
size_t ScratchBytes(size_t shared, size_t own, int threads);

}  // namespace ss
