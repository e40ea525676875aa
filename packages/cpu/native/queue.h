#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "pool.h"

namespace ss {

/** A task went wrong: which call of its list, and why. */
struct Failure {
  uint64_t task;
  int call;
  std::string message;
};

/** Thrown by a task to say which of its calls failed. */
struct CallError : std::exception {
  int call;
  std::string message;
  CallError(int call, std::string message) : call(call), message(std::move(message)) {}
  const char* what() const noexcept override { return message.c_str(); }
};

/**
 * Tasks of one device, run in order on a thread of its own and the pool that it leads. A task that fails keeps
 * nothing from running after it.
 */
class Queue {
 public:
  using Task = std::function<void(Pool&)>;

  /**
   * @param threads wanted, its own included
   * @param notify called on the queue's thread after a task that somebody awaits; must not wait
   * @throws std::system_error when not even its own thread can be started
   */
  Queue(int threads, std::function<void()> notify);
  ~Queue() { Stop(); }
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;

  /** How many there are. */
  int threads() const { return pool_.threads(); }

  /** @returns its number: 1, 2, 3 ... */
  uint64_t Enqueue(Task task, bool awaited);
  uint64_t enqueued() const { return enqueued_; }
  /** Tasks up to this one are done, and what they wrote is visible to the caller. */
  uint64_t completed() const { return completed_.load(std::memory_order_acquire); }
  /** Waits for everything that is enqueued. */
  void WaitUntilDone() const;
  std::vector<Failure> TakeFailures();

  /** No task begins any more, the one that runs ends between two units, and `ended` hears of it. Waits for nothing. */
  void Cancel(std::function<void()> ended);
  /** Cancels, and waits for the thread. */
  void Stop();

 private:
  struct Item {
    uint64_t number;
    bool awaited;
    Task task;
  };

  void Loop();
  void Run(Item& item);

  const std::function<void()> notify_;
  uint64_t enqueued_ = 0;
  std::atomic<uint64_t> completed_{0};

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Item> items_;
  std::vector<Failure> failures_;
  std::function<void()> ended_;
  bool asleep_ = false;
  bool cancelled_ = false;
  /** Tasks enqueued, for a thread that looks without taking the lock. */
  std::atomic<uint64_t> announced_{0};

  Pool pool_;
  std::thread thread_;
};

}  // namespace ss
