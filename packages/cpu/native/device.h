#pragma once

#include <napi.h>

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <utility>

#include "allocator.h"
#include "list.h"
#include "queue.h"

namespace ss {

/**
 * A queue and its buffers as a class of JavaScript, all of whose methods return at once. Whoever enqueues
 * something worth waiting for gets the number of its task; `settled(completed, failures)` is called on the
 * thread of JavaScript when tasks are over. `src/backend.ts` makes promises of that.
 */
class Device : public Napi::ObjectWrap<Device> {
 public:
  static Napi::Function Define(Napi::Env env);

  /** new Device(threads, settled) */
  explicit Device(const Napi::CallbackInfo& info);
  ~Device() override;

 private:
  /** alloc(byteLength, zero): the buffer's number, 0 when there is no memory */
  Napi::Value Alloc(const Napi::CallbackInfo& info);
  void Free(const Napi::CallbackInfo& info);
  /** write(buffer, byteOffset, bytes) */
  void Write(const Napi::CallbackInfo& info);
  /** read(buffer, byteOffset, into): 0 when `into` has the bytes, or the task that puts them there */
  Napi::Value Read(const Napi::CallbackInfo& info);
  /** submit(words, count): the task */
  Napi::Value Submit(const Napi::CallbackInfo& info);
  /** prepare(words, count): [the list, the task that plans it] */
  Napi::Value Prepare(const Napi::CallbackInfo& info);
  /** run(list): the task */
  Napi::Value Run(const Napi::CallbackInfo& info);
  /** release(list): as soon as the runs that were asked for are done */
  void Release(const Napi::CallbackInfo& info);
  /** memory(): [live bytes, live buffers, reserved bytes, how often memory was taken from the system] */
  Napi::Value Memory(const Napi::CallbackInfo& info);
  /** endWindow(): a stretch of time is over; true while there is memory that a later one could give back */
  Napi::Value EndWindow(const Napi::CallbackInfo& info);
  /** trim(): gives back what no buffer lives in */
  void Trim(const Napi::CallbackInfo& info);
  /** threads(): how many work, which may be fewer than were asked for */
  Napi::Value Threads(const Napi::CallbackInfo& info);
  /** dispose(ended): drops what is pending, and calls back when the threads are gone */
  void Dispose(const Napi::CallbackInfo& info);

  using List = std::shared_ptr<CallList>;

  void RequireOpen() const;
  Block& BlockOf(const Napi::Value& number);
  /** True when nothing on its way touches it. */
  bool Idle(const Block& block) const;
  /** As the allocator's, after everything that is kept was given back when there is not enough. */
  uint64_t Allocate(size_t bytes, bool* zero);
  void Fill(Block& block);
  List ListOf(const Napi::CallbackInfo& info);
  Napi::Value Enqueue(const List& list);
  /** Keeps the process alive until the task is done. */
  Napi::Value Awaited(uint64_t task);
  /** From any thread: has the thread of JavaScript do it. */
  void Later(std::function<void(Napi::Env)> work);
  void OnSettled(Napi::Env env);
  void OnEnded(Napi::Env env);
  void StopThreads();
  static void AtEnd(void* device);

  Allocator buffers_;
  std::unordered_map<uint64_t, List> lists_;
  uint64_t last_list_ = 0;
  std::unique_ptr<Queue> queue_;
  Napi::ThreadSafeFunction call_;
  Napi::FunctionReference settled_;
  Napi::FunctionReference ended_;
  /** Memory of JavaScript that tasks write to, until they have. */
  std::deque<std::pair<uint64_t, Napi::Reference<Napi::Uint8Array>>> reading_;
  uint64_t last_awaited_ = 0;
  bool waiting_ = false;
  bool closing_ = false;
  /** True while a call of `settled` is on its way. */
  std::atomic<bool> called_{false};
};

}  // namespace ss
