#include "device.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <set>
#include <string>

namespace ss {
namespace {

/** So many bytes are copied or filled where the caller stands; more would keep it from its events. */
constexpr size_t kAtOnce = size_t{1} << 20;
constexpr int64_t kPiece = int64_t{1} << 18;
constexpr double kBytesPerNanosecond = 8;

/** Queues whose threads must be gone before the statics of this library and of those below it are. */
struct LiveQueues {
  std::mutex mutex;
  std::set<Queue*> queues;
};

LiveQueues& liveQueues() {
  // Never destroyed: it is used while everything else is.
  static LiveQueues& live = *[] {
    std::atexit([] {
      std::lock_guard lock(liveQueues().mutex);
      for (Queue* queue : liveQueues().queues) queue->Stop();
      liveQueues().queues.clear();
    });
    return new LiveQueues;
  }();
  return live;
}

std::shared_ptr<Storage> Hold(Storage* storage) {
  storage->Retain();
  return {storage, [](Storage* held) { held->Release(); }};
}

/** Bytes in pieces that threads share. */
template <class Piece>
void InPieces(Pool& pool, size_t bytes, const Piece& piece) {
  const int64_t total = static_cast<int64_t>(bytes);
  pool.Run((total + kPiece - 1) / kPiece, static_cast<double>(bytes) / kBytesPerNanosecond,
           [&](int, int64_t unit) {
             const int64_t at = unit * kPiece;
             piece(at, static_cast<size_t>(std::min(kPiece, total - at)));
           });
}

void Copy(Pool& pool, char* to, const char* from, size_t bytes) {
  InPieces(pool, bytes, [=](int64_t at, size_t count) { std::memcpy(to + at, from + at, count); });
}

}  // namespace

Napi::Function Device::Define(Napi::Env env) {
  return DefineClass(env, "Device",
                     {
                         InstanceMethod<&Device::Alloc>("alloc"),
                         InstanceMethod<&Device::Free>("free"),
                         InstanceMethod<&Device::Write>("write"),
                         InstanceMethod<&Device::Read>("read"),
                         InstanceMethod<&Device::Submit>("submit"),
                         InstanceMethod<&Device::Prepare>("prepare"),
                         InstanceMethod<&Device::Run>("run"),
                         InstanceMethod<&Device::Release>("release"),
                         InstanceMethod<&Device::Memory>("memory"),
                         InstanceMethod<&Device::EndWindow>("endWindow"),
                         InstanceMethod<&Device::Trim>("trim"),
                         InstanceMethod<&Device::Threads>("threads"),
                         InstanceMethod<&Device::Dispose>("dispose"),
                     });
}

Device::Device(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Device>(info) {
  const Napi::Env env = info.Env();
  const int threads = info[0].As<Napi::Number>().Int32Value();
  settled_ = Napi::Persistent(info[1].As<Napi::Function>());
  call_ = Napi::ThreadSafeFunction::New(env, Napi::Function(), "ss-cpu", 0, 1);
  call_.Unref(env);
  try {
    queue_ = std::make_unique<Queue>(threads, [this] {
      if (called_.exchange(true)) return;
      Later([this](Napi::Env env) { OnSettled(env); });
    });
  } catch (...) {
    call_.Release();
    throw;
  }
  {
    std::lock_guard lock(liveQueues().mutex);
    liveQueues().queues.insert(queue_.get());
  }
  // Hooks run last in, first out: the threads are gone before what they call is.
  napi_add_env_cleanup_hook(env, &Device::AtEnd, this);
  // While it is open its threads refer to it.
  Ref();
}

Device::~Device() { StopThreads(); }

void Device::StopThreads() {
  if (!queue_) return;
  std::lock_guard lock(liveQueues().mutex);
  liveQueues().queues.erase(queue_.get());
  queue_->Stop();
}

void Device::AtEnd(void* data) {
  Device* const device = static_cast<Device*>(data);
  device->StopThreads();
  // Nothing calls it any more.
  device->call_.Release();
}

void Device::RequireOpen() const {
  if (closing_) throw Napi::Error::New(Env(), "the device is disposed");
}

Block& Device::BlockOf(const Napi::Value& number) {
  RequireOpen();
  Block* block = buffers_.Find(static_cast<uint64_t>(number.As<Napi::Number>().Int64Value()));
  if (block == nullptr) throw Napi::Error::New(Env(), "a buffer was used after it was freed");
  return *block;
}

bool Device::Idle(const Block& block) const { return queue_->completed() >= block.last_use; }

Napi::Value Device::Awaited(uint64_t task) {
  last_awaited_ = task;
  if (!waiting_) {
    waiting_ = true;
    call_.Ref(Env());
  }
  return Napi::Number::New(Env(), static_cast<double>(task));
}

Napi::Value Device::Alloc(const Napi::CallbackInfo& info) {
  RequireOpen();
  const double bytes = info[0].As<Napi::Number>().DoubleValue();
  const bool wanted = info[1].As<Napi::Boolean>().Value();
  bool zero = false;
  buffers_.Sweep();
  const uint64_t number = Allocate(static_cast<size_t>(bytes), &zero);
  if (number != 0 && wanted && !zero) Fill(*buffers_.Find(number));
  return Napi::Number::New(Env(), static_cast<double>(number));
}

uint64_t Device::Allocate(size_t bytes, bool* zero) {
  if (const uint64_t number = buffers_.Allocate(bytes, zero); number != 0) return number;
  // What was freed but is still used by what is enqueued comes back when that is done, which nothing else waits for.
  queue_->WaitUntilDone();
  buffers_.Trim();
  return buffers_.Allocate(bytes, zero);
}

void Device::Fill(Block& block) {
  if (Idle(block) && block.bytes <= kAtOnce) {
    std::memset(block.storage->data(), 0, block.bytes);
    return;
  }
  block.last_use = queue_->Enqueue(
      [held = Hold(block.storage), bytes = block.bytes](Pool& pool) {
        char* const to = held->data();
        InPieces(pool, bytes, [=](int64_t at, size_t count) { std::memset(to + at, 0, count); });
      },
      false);
}

void Device::Free(const Napi::CallbackInfo& info) {
  RequireOpen();
  buffers_.Free(static_cast<uint64_t>(info[0].As<Napi::Number>().Int64Value()));
}

void Device::Write(const Napi::CallbackInfo& info) {
  Block& block = BlockOf(info[0]);
  const size_t at = static_cast<size_t>(info[1].As<Napi::Number>().Int64Value());
  const Napi::Uint8Array bytes = info[2].As<Napi::Uint8Array>();
  const size_t count = bytes.ByteLength();
  if (at > block.bytes || count > block.bytes - at)
    throw Napi::RangeError::New(Env(), "a write does not lie within its buffer");
  if (count == 0) return;
  if (Idle(block)) {
    std::memcpy(block.storage->data() + at, bytes.Data(), count);
    return;
  }
  const std::shared_ptr<char[]> staged(new char[count]);
  std::memcpy(staged.get(), bytes.Data(), count);
  block.last_use = queue_->Enqueue(
      [held = Hold(block.storage), at, staged, count](Pool& pool) {
        Copy(pool, held->data() + at, staged.get(), count);
      },
      false);
}

Napi::Value Device::Read(const Napi::CallbackInfo& info) {
  Block& block = BlockOf(info[0]);
  const size_t at = static_cast<size_t>(info[1].As<Napi::Number>().Int64Value());
  Napi::Uint8Array into = info[2].As<Napi::Uint8Array>();
  const size_t count = into.ByteLength();
  if (at > block.bytes || count > block.bytes - at)
    throw Napi::RangeError::New(Env(), "a read does not lie within its buffer");
  if (Idle(block) && count <= kAtOnce) {
    if (count > 0) std::memcpy(into.Data(), block.storage->data() + at, count);
    return Napi::Number::New(Env(), 0);
  }
  char* const to = reinterpret_cast<char*>(into.Data());
  const uint64_t task = queue_->Enqueue(
      [held = Hold(block.storage), at, to, count](Pool& pool) { Copy(pool, to, held->data() + at, count); },
      true);
  block.last_use = task;
  reading_.emplace_back(task, Napi::Persistent(into));
  return Awaited(task);
}

Device::List Device::ListOf(const Napi::CallbackInfo& info) {
  RequireOpen();
  const Napi::Float64Array words = info[0].As<Napi::Float64Array>();
  const size_t count = static_cast<size_t>(info[1].As<Napi::Number>().Int64Value());
  if (count > words.ElementLength()) throw Napi::RangeError::New(Env(), "a list is shorter than it says");
  return std::make_shared<CallList>(words.Data(), count, buffers_);
}

Napi::Value Device::Enqueue(const List& list) {
  const uint64_t task = queue_->Enqueue([list](Pool& pool) { list->Run(pool); }, true);
  list->Touch(buffers_, task);
  return Awaited(task);
}

Napi::Value Device::Submit(const Napi::CallbackInfo& info) { return Enqueue(ListOf(info)); }

Napi::Value Device::Prepare(const Napi::CallbackInfo& info) {
  const List list = ListOf(info);
  lists_.emplace(++last_list_, list);
  const Napi::Value task = Awaited(queue_->Enqueue([list](Pool&) { list->Plan(); }, true));
  Napi::Array answer = Napi::Array::New(Env(), 2);
  answer.Set(0u, Napi::Number::New(Env(), static_cast<double>(last_list_)));
  answer.Set(1u, task);
  return answer;
}

Napi::Value Device::Run(const Napi::CallbackInfo& info) {
  RequireOpen();
  const auto found = lists_.find(static_cast<uint64_t>(info[0].As<Napi::Number>().Int64Value()));
  if (found == lists_.end()) throw Napi::Error::New(Env(), "a list was used after it was released");
  return Enqueue(found->second);
}

void Device::Release(const Napi::CallbackInfo& info) {
  lists_.erase(static_cast<uint64_t>(info[0].As<Napi::Number>().Int64Value()));
}

Napi::Value Device::Memory(const Napi::CallbackInfo&) {
  buffers_.Sweep();
  Napi::Array answer = Napi::Array::New(Env(), 4);
  answer.Set(0u, Napi::Number::New(Env(), static_cast<double>(buffers_.live_bytes())));
  answer.Set(1u, Napi::Number::New(Env(), static_cast<double>(buffers_.live_buffers())));
  answer.Set(2u, Napi::Number::New(Env(), static_cast<double>(buffers_.reserved_bytes())));
  answer.Set(3u, Napi::Number::New(Env(), static_cast<double>(buffers_.reservations())));
  return answer;
}

Napi::Value Device::EndWindow(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), !closing_ && buffers_.EndWindow());
}

void Device::Trim(const Napi::CallbackInfo&) { buffers_.Trim(); }

Napi::Value Device::Threads(const Napi::CallbackInfo& info) {
  RequireOpen();
  return Napi::Number::New(info.Env(), queue_->threads());
}

void Device::Later(std::function<void(Napi::Env)> work) {
  call_.NonBlockingCall([work = std::move(work)](Napi::Env env, Napi::Function) {
    const Napi::HandleScope scope(env);
    try {
      work(env);
    } catch (const Napi::Error&) {
      // Only of a worker that is being terminated, which calls no function any more.
    }
  });
}

void Device::OnSettled(Napi::Env env) {
  called_.store(false);
  if (closing_) return;
  const uint64_t completed = queue_->completed();
  buffers_.Sweep();
  while (!reading_.empty() && reading_.front().first <= completed) reading_.pop_front();
  if (waiting_ && completed >= last_awaited_) {
    waiting_ = false;
    call_.Unref(env);
  }
  const std::vector<Failure> failed = queue_->TakeFailures();
  Napi::Array failures = Napi::Array::New(env, failed.size());
  for (uint32_t i = 0; i < failed.size(); i++) {
    Napi::Object failure = Napi::Object::New(env);
    failure.Set("task", Napi::Number::New(env, static_cast<double>(failed[i].task)));
    failure.Set("call", Napi::Number::New(env, failed[i].call));
    failure.Set("message", Napi::String::New(env, failed[i].message));
    failures.Set(i, failure);
  }
  settled_.Call({Napi::Number::New(env, static_cast<double>(completed)), failures});
}

void Device::Dispose(const Napi::CallbackInfo& info) {
  RequireOpen();
  closing_ = true;
  ended_ = Napi::Persistent(info[0].As<Napi::Function>());
  call_.Ref(Env());
  queue_->Cancel([this] { Later([this](Napi::Env env) { OnEnded(env); }); });
}

void Device::OnEnded(Napi::Env env) {
  napi_remove_env_cleanup_hook(env, &Device::AtEnd, this);
  StopThreads();
  queue_.reset();
  reading_.clear();
  lists_.clear();
  buffers_.Clear();
  call_.Release();
  settled_.Reset();
  const Napi::FunctionReference ended = std::move(ended_);
  Unref();
  ended.Call({});
}

}  // namespace ss
