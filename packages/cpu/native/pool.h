#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#if defined(__linux__)
#include <sched.h>
#endif

namespace ss {

/**
 * A crew that divides units among its threads; the caller of Run works along as thread 0. Nobody waits for a
 * helper that has not started: units are taken one after the other, and a helper that wakes late finds none
 * left. Helpers spin shortly between runs, since the next op of a list comes within microseconds, and sleep
 * when none does.
 */
class Pool {
 public:
  /** Of the caller alone, until others are started. */
  Pool();
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  /**
   * Before the first Run.
   * @param threads how many work in all, the caller included. Where the system starts no more, there are fewer.
   */
  void Start(int threads);
  int threads() const { return static_cast<int>(helpers_.size()) + 1; }

  /**
   * Runs every unit once, on whichever thread is free, and returns when all are done. Only one Run at a time.
   * What units throw is collected, and that of the lowest unit thrown again, so that errors too do not
   * depend on who was first.
   * @param nanoseconds about how long one thread takes for all of it; little work is not worth waking others
   */
  void Run(int64_t units, double nanoseconds, const std::function<void(int thread, int64_t unit)>& work);

  /** From any thread: units that have not begun, of this and every later run, are left out. */
  void Cancel() { cancelled_.store(true, std::memory_order_relaxed); }
  bool cancelled() const { return cancelled_.load(std::memory_order_relaxed); }

 private:
  using Work = std::function<void(int, int64_t)>;

  void Help(int thread);
  void Share(uint32_t units, int64_t first, double nanoseconds);
  /** Takes units until none is left. */
  void TakeAll(int thread);
  void Wake(double nanoseconds);
  void Do(int thread, int64_t unit);
  /**
   * Has helpers run on other processors than the caller. Some systems wake a thread where its waker runs, and leave
   * both there: two threads would take as long as one.
   */
  void KeepApart();

  std::vector<std::thread> helpers_;
  std::atomic<bool> ending_{false};
  std::atomic<bool> cancelled_{false};

  /**
   * The round in the high half, units not yet taken in the low one. Whoever takes some with this unchanged takes
   * them of the round it saw, which cannot end before they are done: so what follows holds while it reads it.
   */
  std::atomic<uint64_t> left_{0};
  std::atomic<uint32_t> done_{0};
  uint32_t units_ = 0;
  int64_t first_ = 0;
  const Work* work_ = nullptr;

  /** Changes when sleeping helpers should look again. */
  std::atomic<uint32_t> call_{0};
  std::atomic<int> asleep_{0};

#if defined(__linux__)
  /** Where this process may run. */
  cpu_set_t allowed_;
  /** Where the caller ran when helpers were last told to stay away. */
  int caller_at_ = -1;
#endif

  std::mutex failure_;
  int64_t failed_unit_ = -1;
  std::exception_ptr failed_;
};

}  // namespace ss
