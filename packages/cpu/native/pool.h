#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace ss {

/**
 * A crew that divides units among its threads; the caller of Run works along as thread 0. Helpers spin shortly
 * between runs, since the next op of a list comes within microseconds, and sleep when none does.
 */
class Pool {
 public:
  /** @param threads how many work in all, the caller included; at least 1 */
  explicit Pool(int threads);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  int threads() const { return static_cast<int>(helpers_.size()) + 1; }

  /**
   * Runs every unit once, on whichever thread is free, and returns when all are done. Only one Run at a time.
   * What units throw is collected, and that of the lowest unit thrown again, so that errors too do not
   * depend on who was first.
   */
  void Run(int64_t units, bool alone, const std::function<void(int thread, int64_t unit)>& work);

 private:
  void Help(int thread);
  void Work(int thread);

  std::vector<std::thread> helpers_;
  std::atomic<uint64_t> round_{0};
  std::atomic<int64_t> next_{0};
  std::atomic<int> busy_{0};
  std::atomic<bool> ending_{false};
  int64_t units_ = 0;
  int64_t chunk_ = 1;
  const std::function<void(int, int64_t)>* work_ = nullptr;

  std::mutex sleep_;
  std::condition_variable wake_;
  std::atomic<int> asleep_{0};

  std::mutex failure_;
  int64_t failed_unit_ = -1;
  std::exception_ptr failed_;
};

}  // namespace ss
