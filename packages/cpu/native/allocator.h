#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <unordered_map>
#include <vector>

#include "storage.h"

namespace ss {

/** A buffer of the contract: a storage, and the last task of the queue that touches it. */
struct Block {
  Storage* storage;
  /** What was asked for; the storage may be a little larger. */
  size_t bytes;
  uint64_t last_use;
};

/**
 * The buffers of one device, by number. What is freed is handed out again at once, since whatever uses it comes
 * later in the queue, and kept only within a share of what lives. Used by the thread of JavaScript alone; the
 * queue holds references of its own to what it still needs.
 */
class Allocator {
 public:
  Allocator() = default;
  ~Allocator() { Clear(); }
  Allocator(const Allocator&) = delete;
  Allocator& operator=(const Allocator&) = delete;

  /**
   * @param zero set to whether its bytes are all zero already
   * @returns its number, 0 when there is no memory
   */
  uint64_t Allocate(size_t bytes, bool* zero);
  /** Null when no such buffer lives. */
  Block* Find(uint64_t number);
  void Free(uint64_t number);
  void Clear();

  /** Gives memory back that the queue has done with. */
  void Sweep();

  size_t live_bytes() const { return live_bytes_; }
  size_t live_buffers() const { return blocks_.size(); }
  size_t reserved_bytes() const { return reserved_bytes_; }

 private:
  struct Spare {
    Storage* storage;
    uint64_t last_use;
    uint64_t freed;
  };

  bool Reuse(size_t bytes, Block* block);
  void Trim();
  void Drop(Storage* storage);

  std::unordered_map<uint64_t, Block> blocks_;
  std::multimap<size_t, Spare> spares_;
  /** Given up, but the queue may still be using them. */
  std::vector<Storage*> leaving_;
  uint64_t last_number_ = 0;
  uint64_t frees_ = 0;
  size_t live_bytes_ = 0;
  size_t spare_bytes_ = 0;
  size_t reserved_bytes_ = 0;
};

}  // namespace ss
