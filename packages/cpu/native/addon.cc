#include <napi.h>

#include <string>

#include "device.h"
#include "isa.h"
#include "linear.h"
#include "list.h"
#include "op.h"

namespace ss {
namespace {

constexpr const char* kFormats[] = {"", "cpu:f32", "cpu:f16", "cpu:bf16", "cpu:i8"};

template <class Names>
Napi::Array Strings(Napi::Env env, const Names& names) {
  Napi::Array array = Napi::Array::New(env);
  uint32_t i = 0;
  for (const auto& name : names) array.Set(i++, Napi::String::New(env, name));
  return array;
}

/** What `src/encode.ts` needs to write a call of each op. */
Napi::Array Tables(Napi::Env env) {
  Napi::Array tables = Napi::Array::New(env);
  for (const Op& op : Ops()) {
    Napi::Object table = Napi::Object::New(env);
    table.Set("name", op.name);
    table.Set("inputs", Strings(env, op.inputs));
    table.Set("outputs", Strings(env, op.outputs));
    table.Set("options", Strings(env, op.options));
    table.Set("sizes", Strings(env, op.sizes));
    tables.Set(tables.Length(), table);
  }
  return tables;
}

/** assess(words, count, threads): what the contract calls a plan or a refusal, in the words of the addon. */
Napi::Value Assess(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Napi::Float64Array words = info[0].As<Napi::Float64Array>();
  const size_t count = static_cast<size_t>(info[1].As<Napi::Number>().Int64Value());
  if (count > words.ElementLength()) throw Napi::RangeError::New(env, "a list is shorter than it says");
  const Call call = CallReader(words.Data(), count).Read();
  const Assessment assessment = call.op->assess(call);
  Napi::Object answer = Napi::Object::New(env);
  if (!assessment.refusal.code.empty()) {
    answer.Set("code", assessment.refusal.code);
    answer.Set("message", assessment.refusal.message);
    return answer;
  }
  const int threads = info[2].As<Napi::Number>().Int32Value();
  answer.Set("bitwise", assessment.bitwise);
  answer.Set("contiguous", assessment.contiguous);
  answer.Set("scratchBytes", static_cast<double>(ScratchBytes(assessment.shared_scratch, assessment.own_scratch, threads)));
  answer.Set("flops", assessment.flops);
  answer.Set("bytes", assessment.bytes);
  if (!assessment.notes.empty()) answer.Set("notes", Strings(env, assessment.notes));
  return answer;
}

/** packing(M, K, dtype): [format, bytes], or undefined for a weight that stays dense. */
Napi::Value Packing(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  PackedForm form;
  if (!PackingOf(info[0].As<Napi::Number>().Int64Value(), info[1].As<Napi::Number>().Int64Value(),
                 static_cast<DType>(info[2].As<Napi::Number>().Int32Value()), &form))
    return env.Undefined();
  Napi::Array answer = Napi::Array::New(env, 2);
  answer.Set(0u, kFormats[static_cast<int>(form.format)]);
  answer.Set(1u, static_cast<double>(form.bytes));
  return answer;
}

/** limit(isa): uses nothing beyond this instruction set from now on, in the whole process; false for an unknown one. */
Napi::Value Limit(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), LimitIsa(info[0].As<Napi::String>().Utf8Value()));
}

/** isa(): the instruction set that kernels are chosen for. */
Napi::Value Isa(const Napi::CallbackInfo& info) { return Napi::String::New(info.Env(), ChosenIsa()); }

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  exports.Set("ops", Tables(env));
  exports.Set("dtypes", Strings(env, dtypeNames));
  exports.Set("formats", Strings(env, kFormats));
  exports.Set("maxAxes", kMaxAxes);
  exports.Set("assess", Napi::Function::New<Assess>(env, "assess"));
  exports.Set("packing", Napi::Function::New<Packing>(env, "packing"));
  exports.Set("limit", Napi::Function::New<Limit>(env, "limit"));
  exports.Set("isa", Napi::Function::New<Isa>(env, "isa"));
  exports.Set("Device", Device::Define(env));
  return exports;
}

}  // namespace
}  // namespace ss

using ss::Init;
NODE_API_MODULE(ss_cpu, Init)
