#include "queue.h"

#include <utility>

#include "spin.h"

namespace ss {

Queue::Queue(int threads, std::function<void()> notify)
    : notify_(std::move(notify)), thread_([this] { Loop(); }) {
  // Its own thread comes first: without the others it can work, without it they cannot.
  pool_.Start(threads);
}

uint64_t Queue::Enqueue(Task task, bool awaited) {
  const uint64_t number = ++enqueued_;
  bool wake;
  {
    std::lock_guard lock(mutex_);
    items_.push_back({number, awaited, std::move(task)});
    announced_.store(number, std::memory_order_release);
    wake = asleep_;
  }
  if (wake) wake_.notify_one();
  return number;
}

void Queue::WaitUntilDone() const {
  for (uint64_t done; (done = completed_.load(std::memory_order_acquire)) < enqueued_;)
    completed_.wait(done, std::memory_order_acquire);
}

std::vector<Failure> Queue::TakeFailures() {
  std::lock_guard lock(mutex_);
  return std::exchange(failures_, {});
}

void Queue::Cancel(std::function<void()> ended) {
  pool_.Cancel();
  {
    std::lock_guard lock(mutex_);
    cancelled_ = true;
    ended_ = std::move(ended);
  }
  wake_.notify_one();
}

void Queue::Stop() {
  if (!thread_.joinable()) return;
  Cancel({});
  thread_.join();
}

void Queue::Loop() {
  for (uint64_t next = 1;; next++) {
    SpinUntil([&] { return announced_.load(std::memory_order_acquire) >= next || pool_.cancelled(); });
    Item item;
    {
      std::unique_lock lock(mutex_);
      asleep_ = true;
      wake_.wait(lock, [&] { return cancelled_ || !items_.empty(); });
      asleep_ = false;
      if (cancelled_) {
        // What they hold on to is given up here, where nothing uses it any more.
        const std::deque<Item> dropped = std::move(items_);
        const std::function<void()> ended = std::move(ended_);
        lock.unlock();
        if (ended) ended();
        return;
      }
      item = std::move(items_.front());
      items_.pop_front();
    }
    Run(item);
  }
}

void Queue::Run(Item& item) {
  const auto fail = [&](int call, const char* message) {
    std::lock_guard lock(mutex_);
    failures_.push_back({item.number, call, message});
  };
  try {
    item.task(pool_);
  } catch (const CallError& error) {
    fail(error.call, error.what());
  } catch (const std::exception& error) {
    fail(-1, error.what());
  } catch (...) {
    fail(-1, "an exception of no known kind");
  }
  // What it held on to is free before anybody hears that it is done.
  item.task = nullptr;
  completed_.store(item.number, std::memory_order_release);
  completed_.notify_all();
  if (item.awaited) notify_();
}

}  // namespace ss
