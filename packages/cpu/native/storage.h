#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace ss {

/** Of every storage: what DLPack asks of producers, and whole cache lines for every instruction set. */
inline constexpr size_t kAlignment = 256;

/**
 * A reference-counted piece of memory. Whoever holds a reference may use `data`; the last Release frees it, on
 * whatever thread that happens. Self-contained, so that other native code in the process can share it.
 */
class Storage {
 public:
  /** One reference, held by the caller. Null when there is no memory. Contents undefined. */
  static Storage* Allocate(size_t bytes) {
    // Large ones on huge pages: a scan walks many rows at once, and their translations would not fit the TLB.
    const bool large = bytes >= kHugePage;
    const size_t alignment = large ? kHugePage : kAlignment;
    const size_t rounded = (bytes + alignment - 1) / alignment * alignment;
    void* data = std::aligned_alloc(alignment, rounded == 0 ? alignment : rounded);
    if (data == nullptr) return nullptr;
#if defined(MADV_HUGEPAGE)
    if (large) madvise(data, rounded, MADV_HUGEPAGE);
#endif
    Storage* storage = new (std::nothrow) Storage(data, bytes, [](void* memory) { std::free(memory); });
    if (storage == nullptr) std::free(data);
    return storage;
  }

  void Retain() { references_.fetch_add(1, std::memory_order_relaxed); }
  void Release() {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }
  /** True when nobody else could be using it. */
  bool Sole() const { return references_.load(std::memory_order_acquire) == 1; }

  char* data() const { return static_cast<char*>(data_); }
  size_t bytes() const { return bytes_; }

 private:
  static constexpr size_t kHugePage = size_t{2} << 20;

  Storage(void* data, size_t bytes, void (*destroy)(void*)) : data_(data), bytes_(bytes), destroy_(destroy) {}
  ~Storage() { destroy_(data_); }

  std::atomic<uint32_t> references_{1};
  void* data_;
  size_t bytes_;
  void (*destroy_)(void*);
};

}  // namespace ss
