#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

#if defined(__unix__) || defined(__APPLE__)
#include <sys/mman.h>
#define SS_STORAGE_MAPS 1
#else
#define SS_STORAGE_MAPS 0
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
  /** One reference, held by the caller. Null when there is no memory. Contents undefined, but see `zero`. */
  static Storage* Allocate(size_t bytes) {
    if (bytes > kMost) return nullptr;
    Storage* storage = new (std::nothrow) Storage(bytes);
    if (storage == nullptr) return nullptr;
    if (bytes >= kMapped && kMaps ? storage->Map() : storage->Take()) return storage;
    delete storage;
    return nullptr;
  }

  void Retain() { references_.fetch_add(1, std::memory_order_relaxed); }
  void Release() {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }
  /** True when nobody else could be using it. */
  bool Sole() const { return references_.load(std::memory_order_acquire) == 1; }

  char* data() const { return static_cast<char*>(data_); }
  size_t bytes() const { return bytes_; }
  /** Whether a new one is all zero; means nothing once somebody has written. */
  bool zero() const { return mapped_ > 0; }

 private:
  static constexpr size_t kHugePage = size_t{2} << 20;
  /** From here on straight from the system: what malloc gets back it may keep, and then nobody else has it. */
  static constexpr size_t kMapped = size_t{256} << 10;
#if defined(__SANITIZE_ADDRESS__)
  // It watches over what malloc hands out.
  static constexpr bool kMaps = false;
#else
  static constexpr bool kMaps = SS_STORAGE_MAPS;
#endif
  static constexpr size_t kMost = SIZE_MAX / 4;

  explicit Storage(size_t bytes) : bytes_(bytes) {}
  ~Storage() {
#if SS_STORAGE_MAPS
    if (mapped_ > 0) {
      munmap(data_, mapped_);
      return;
    }
#endif
    std::free(data_);
  }

  /**
   * From the system, which gets it back whole; large ones on huge pages: a scan walks many rows at once, and their
   * translations would not fit the TLB.
   */
  bool Map() {
#if SS_STORAGE_MAPS
    const size_t rounded = (bytes_ + kSmallPage - 1) / kSmallPage * kSmallPage;
    const size_t align = bytes_ < kHugePage ? 0 : kHugePage;
    void* mapped = mmap(nullptr, rounded + align, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) return false;
    char* begin = static_cast<char*>(mapped);
    const size_t skip = align == 0 ? 0 : (align - reinterpret_cast<uintptr_t>(begin) % align) % align;
    if (skip > 0) munmap(begin, skip);
    if (skip < align) munmap(begin + skip + rounded, align - skip);
    data_ = begin + skip;
    mapped_ = rounded;
#if defined(MADV_HUGEPAGE)
    if (align != 0) madvise(data_, rounded / kHugePage * kHugePage, MADV_HUGEPAGE);
#endif
    return true;
#else
    return false;
#endif
  }

  /** No byte more than asked for: a sanitizer sees what goes beyond. */
  bool Take() { return posix_memalign(&data_, kAlignment, bytes_ == 0 ? 1 : bytes_) == 0; }

#if defined(__APPLE__) && defined(__aarch64__)
  static constexpr size_t kSmallPage = 16384;
#else
  static constexpr size_t kSmallPage = 4096;
#endif

  std::atomic<uint32_t> references_{1};
  void* data_ = nullptr;
  size_t bytes_;
  /** Bytes mapped; 0 when the memory is of malloc. */
  size_t mapped_ = 0;
};

}  // namespace ss
