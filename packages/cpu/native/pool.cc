#include "pool.h"

#include <algorithm>
#include <limits>

#if defined(__linux__)
#include <pthread.h>
#endif

#include "spin.h"

namespace ss {
namespace {

#if defined(SS_SHARE_EVERYTHING)
// To have a race detector see what small tests do.
constexpr double kWorthSharing = 0;
constexpr double kWorthWaking = 1e-9;
#else
/** Below this many nanoseconds of work the others would come too late. */
constexpr double kWorthSharing = 8e3;
/** Work for which one sleeping helper is woken, which costs the caller a system call. */
constexpr double kWorthWaking = 25e3;
#endif
/** Parts that a thread's share is taken in: the more, the more evenly all end. */
constexpr uint32_t kParts = 8;

}  // namespace

Pool::Pool() {
#if defined(__linux__)
  if (sched_getaffinity(0, sizeof(allowed_), &allowed_) != 0) CPU_ZERO(&allowed_);
#endif
}

void Pool::Start(int threads) {
  try {
    helpers_.reserve(static_cast<size_t>(std::max(threads - 1, 0)));
    for (int thread = 1; thread < threads; thread++) helpers_.emplace_back([this, thread] { Help(thread); });
  } catch (const std::exception&) {
    // A limit of processes or of memory. Those that started do the work: results do not depend on how many there are.
  }
}

Pool::~Pool() {
  ending_.store(true);
  call_.fetch_add(1);
  call_.notify_all();
  for (std::thread& helper : helpers_) helper.join();
}

void Pool::Run(int64_t units, double nanoseconds, const Work& work) {
  if (units <= 0) return;
  failed_unit_ = -1;
  failed_ = nullptr;
  work_ = &work;
  if (helpers_.empty() || units == 1 || nanoseconds < kWorthSharing) {
    for (int64_t unit = 0; unit < units; unit++) Do(0, unit);
  } else {
    constexpr int64_t most = std::numeric_limits<uint32_t>::max();
    for (int64_t first = 0; first < units; first += most)
      Share(static_cast<uint32_t>(std::min(most, units - first)), first, nanoseconds);
  }
  if (failed_) std::rethrow_exception(failed_);
}

void Pool::Share(uint32_t units, int64_t first, double nanoseconds) {
  units_ = units;
  first_ = first;
  done_.store(0, std::memory_order_relaxed);
  const uint64_t round = (left_.load(std::memory_order_relaxed) >> 32) + 1;
  left_.store(round << 32 | units);
  KeepApart();
  Wake(nanoseconds);
  TakeAll(0);
  // What is left is being done by others right now.
  if (SpinUntil([&] { return done_.load(std::memory_order_acquire) == units; })) return;
  for (uint32_t done; (done = done_.load(std::memory_order_acquire)) != units;)
    done_.wait(done, std::memory_order_acquire);
}

void Pool::KeepApart() {
#if defined(__linux__)
  const int at = sched_getcpu();
  if (at < 0 || at == caller_at_) return;
  caller_at_ = at;
  cpu_set_t others = allowed_;
  CPU_CLR(static_cast<size_t>(at), &others);
  // Where there are fewer processors than threads, the system knows better.
  if (CPU_COUNT(&others) < static_cast<int>(helpers_.size())) return;
  for (std::thread& helper : helpers_) pthread_setaffinity_np(helper.native_handle(), sizeof(others), &others);
#endif
}

void Pool::Wake(double nanoseconds) {
  const int asleep = asleep_.load();
  const int wanted = static_cast<int>(std::min(nanoseconds / kWorthWaking, static_cast<double>(asleep)));
  if (wanted <= 0) return;
  call_.fetch_add(1);
  if (wanted == asleep) {
    call_.notify_all();
  } else {
    for (int i = 0; i < wanted; i++) call_.notify_one();
  }
}

void Pool::TakeAll(int thread) {
  const uint32_t parts = kParts * static_cast<uint32_t>(threads());
  for (uint64_t seen = left_.load(std::memory_order_acquire);;) {
    const uint32_t left = static_cast<uint32_t>(seen);
    if (left == 0) return;
    // It may have been moved meanwhile.
    if (thread == 0) KeepApart();
    const uint32_t taken = std::max<uint32_t>(1, left / parts);
    if (!left_.compare_exchange_weak(seen, seen - taken, std::memory_order_acq_rel, std::memory_order_acquire))
      continue;
    const int64_t begin = first_ + (units_ - left);
    for (uint32_t i = 0; i < taken; i++) Do(thread, begin + i);
    const uint32_t units = units_;
    // From here on the round may be over, and its description another's.
    if (done_.fetch_add(taken, std::memory_order_acq_rel) + taken == units) done_.notify_one();
    seen = left_.load(std::memory_order_acquire);
  }
}

void Pool::Do(int thread, int64_t unit) {
  if (cancelled()) return;
  try {
    (*work_)(thread, unit);
  } catch (...) {
    std::lock_guard lock(failure_);
    if (failed_unit_ < 0 || unit < failed_unit_) {
      failed_unit_ = unit;
      failed_ = std::current_exception();
    }
  }
}

void Pool::Help(int thread) {
  const auto called = [this] {
    return static_cast<uint32_t>(left_.load()) != 0 || ending_.load(std::memory_order_relaxed);
  };
  for (;;) {
    if (!SpinUntil(called)) {
      asleep_.fetch_add(1);
      // Whoever publishes units after this look sees a sleeper, and calls.
      const uint32_t heard = call_.load();
      if (!called()) call_.wait(heard);
      asleep_.fetch_sub(1);
    }
    if (ending_.load()) return;
    TakeAll(thread);
  }
}

}  // namespace ss
