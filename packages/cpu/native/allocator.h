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
 * later in the queue. It is kept as long as the recent past needed it: what lives and what is kept are together no more
 * than what lived at the peak of this window and the one before (`EndWindow` says when one is over). Used by the
 * thread of JavaScript alone; the queue holds references of its own to what it still needs.
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

  /**
   * A stretch of time is over: what its peak and that of the one before do not account for is given back, and everything
   * that is kept when nothing was allocated meanwhile.
   * @returns whether there is anything left that a later window could give back
   */
  bool EndWindow();
  /** Gives everything back that no buffer lives in; what the queue still uses goes with the next Sweep after that. */
  void Trim();
  /** Gives memory back that the queue has done with. */
  void Sweep();

  size_t live_bytes() const { return live_bytes_; }
  size_t live_buffers() const { return blocks_.size(); }
  size_t reserved_bytes() const { return reserved_bytes_; }
  /** How often memory was taken from the system. */
  uint64_t reservations() const { return reservations_; }

 private:
  struct Spare {
    Storage* storage;
    uint64_t last_use;
    uint64_t freed;
  };

  bool Reuse(size_t bytes, Block* block);
  /** Takes one out of those that are kept. */
  Spare Take(std::multimap<size_t, Spare>::iterator spare);
  /** Gives back what was freed longest ago until no more than this is kept. */
  void KeepAtMost(size_t bytes);
  size_t AllowedSpare() const;
  void Drop(Storage* storage);

  std::unordered_map<uint64_t, Block> blocks_;
  std::multimap<size_t, Spare> spares_;
  /** The same in the order in which they were freed. */
  std::map<uint64_t, std::multimap<size_t, Spare>::iterator> ages_;
  /** Given up, but the queue may still be using them. */
  std::vector<Storage*> leaving_;
  uint64_t last_number_ = 0;
  uint64_t frees_ = 0;
  uint64_t reservations_ = 0;
  size_t live_bytes_ = 0;
  size_t spare_bytes_ = 0;
  size_t reserved_bytes_ = 0;

  /** Of the storages that buffers live in, which may be a little larger than these. */
  size_t occupied_bytes_ = 0;
  /** The most that was occupied in this window and in the one before. */
  size_t peak_bytes_ = 0;
  size_t last_peak_bytes_ = 0;
  bool allocated_ = false;
};

}  // namespace ss
