#include "allocator.h"

#include <algorithm>

namespace ss {
namespace {

/**
 * Kept spare: this share of what lives, or so many bytes when little lives. What the system gives is cleared page by
 * page, which costs a scan of 2,048 steps a fifth of its time.
 */
constexpr size_t kSpareShare = 16;
constexpr size_t kSpareBytes = size_t{16} << 20;
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
  }
  live_bytes_ += bytes;
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
  block->storage = spare->second.storage;
  block->last_use = spare->second.last_use;
  spare_bytes_ -= size;
  spares_.erase(spare);
  return true;
}

Block* Allocator::Find(uint64_t number) {
  const auto found = blocks_.find(number);
  return found == blocks_.end() ? nullptr : &found->second;
}

void Allocator::Free(uint64_t number) {
  const auto found = blocks_.find(number);
  if (found == blocks_.end()) return;
  const Block& block = found->second;
  live_bytes_ -= block.bytes;
  spare_bytes_ += block.storage->bytes();
  spares_.emplace(block.storage->bytes(), Spare{block.storage, block.last_use, ++frees_});
  blocks_.erase(found);
  Trim();
}

void Allocator::Trim() {
  const size_t allowed = std::max(live_bytes_ / kSpareShare, kSpareBytes);
  while (spare_bytes_ > allowed) {
    // What was freed longest ago is least likely to be asked for.
    const auto oldest = std::min_element(spares_.begin(), spares_.end(), [](const auto& a, const auto& b) {
      return a.second.freed < b.second.freed;
    });
    spare_bytes_ -= oldest->first;
    Drop(oldest->second.storage);
    spares_.erase(oldest);
  }
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
  leaving_.clear();
  live_bytes_ = spare_bytes_ = reserved_bytes_ = 0;
}

}  // namespace ss
