#include "allocator.h"

#include <algorithm>

namespace ss {
namespace {

/**
 * Kept beyond the peak: this share of it, or so many bytes when it is small. Buffers of many sizes that do not live at
 * the same time need a little more than their peak. What the system gives is cleared page by page, which can take
 * longer than what an op does with it.
 */
constexpr size_t kOddShare = 16;
constexpr size_t kOddBytes = size_t{4} << 20;
/** A spare one may be larger than what is asked for by this share. */
constexpr size_t kWasteShare = 8;

}  // namespace

uint64_t Allocator::Allocate(size_t bytes, bool* zero) {
  Block block{nullptr, bytes, 0};
  *zero = false;
  if (!Reuse(bytes, &block)) {
    block.storage = Storage::Allocate(bytes);
    if (block.storage == nullptr) return 0;
    *zero = block.storage->zero();
    reserved_bytes_ += block.storage->bytes();
    ++reservations_;
  }
  allocated_ = true;
  live_bytes_ += bytes;
  occupied_bytes_ += block.storage->bytes();
  peak_bytes_ = std::max(peak_bytes_, occupied_bytes_);
  // A size that did not fit may leave others spare that the peak no longer accounts for.
  KeepAtMost(AllowedSpare());
  blocks_.emplace(++last_number_, block);
  return last_number_;
}

bool Allocator::Reuse(size_t bytes, Block* block) {
  auto spare = spares_.lower_bound(bytes);
  if (spare == spares_.end() || spare->first > bytes + bytes / kWasteShare) return false;
  // Among equals, one that nothing on its way touches any more can be written at once.
  const size_t size = spare->first;
  for (auto other = spare; other != spares_.end() && other->first == size; ++other)
    if (other->second.last_use < spare->second.last_use) spare = other;
  const Spare taken = Take(spare);
  block->storage = taken.storage;
  block->last_use = taken.last_use;
  return true;
}

Allocator::Spare Allocator::Take(std::multimap<size_t, Spare>::iterator spare) {
  const Spare taken = spare->second;
  spare_bytes_ -= spare->first;
  ages_.erase(taken.freed);
  spares_.erase(spare);
  return taken;
}

Block* Allocator::Find(uint64_t number) {
  const auto found = blocks_.find(number);
  return found == blocks_.end() ? nullptr : &found->second;
}

void Allocator::Free(uint64_t number) {
  const auto found = blocks_.find(number);
  if (found == blocks_.end()) return;
  const Block& block = found->second;
  const size_t bytes = block.storage->bytes();
  live_bytes_ -= block.bytes;
  occupied_bytes_ -= bytes;
  spare_bytes_ += bytes;
  const uint64_t freed = ++frees_;
  ages_.emplace(freed, spares_.emplace(bytes, Spare{block.storage, block.last_use, freed}));
  blocks_.erase(found);
  KeepAtMost(AllowedSpare());
}

size_t Allocator::AllowedSpare() const {
  const size_t peak = std::max(peak_bytes_, last_peak_bytes_);
  return peak - occupied_bytes_ + std::max(peak / kOddShare, kOddBytes);
}

bool Allocator::EndWindow() {
  last_peak_bytes_ = peak_bytes_;
  peak_bytes_ = occupied_bytes_;
  if (allocated_) {
    KeepAtMost(AllowedSpare());
  } else {
    Trim();
  }
  allocated_ = false;
  Sweep();
  return !spares_.empty() || !leaving_.empty();
}

void Allocator::Trim() {
  KeepAtMost(0);
  last_peak_bytes_ = peak_bytes_ = occupied_bytes_;
  Sweep();
}

void Allocator::KeepAtMost(size_t bytes) {
  // What was freed longest ago is least likely to be asked for.
  while (spare_bytes_ > bytes) Drop(Take(ages_.begin()->second).storage);
}

void Allocator::Drop(Storage* storage) {
  if (!storage->Sole()) {
    leaving_.push_back(storage);
    return;
  }
  reserved_bytes_ -= storage->bytes();
  storage->Release();
}

void Allocator::Sweep() {
  const auto gone = std::partition(leaving_.begin(), leaving_.end(), [](Storage* s) { return !s->Sole(); });
  for (auto it = gone; it != leaving_.end(); ++it) {
    reserved_bytes_ -= (*it)->bytes();
    (*it)->Release();
  }
  leaving_.erase(gone, leaving_.end());
}

void Allocator::Clear() {
  for (auto& [number, block] : blocks_) block.storage->Release();
  for (auto& [size, spare] : spares_) spare.storage->Release();
  for (Storage* storage : leaving_) storage->Release();
  blocks_.clear();
  spares_.clear();
  ages_.clear();
  leaving_.clear();
  live_bytes_ = spare_bytes_ = reserved_bytes_ = occupied_bytes_ = peak_bytes_ = last_peak_bytes_ = 0;
}

}  // namespace ss
