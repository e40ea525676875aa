#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/pack.cc"
#include "hwy/foreach_target.h"
//
#include <algorithm>
#include <limits>
#include <stdexcept>

#include "../ops.h"
#include "block-inl.h"
#include "hwy/highway.h"
#include "tile-inl.h"

#ifndef SS_PACK_ONCE_
#define SS_PACK_ONCE_
namespace ss {

/** A weight (M, K) and its packed form; see linear.h. */
struct PackArgs {
  int64_t M;
  int64_t K;
  Matrix weight;
  Format format;
  char* packed;
};

}  // namespace ss
#endif

HWY_BEFORE_NAMESPACE();
namespace ss {
namespace HWY_NAMESPACE {

/** False where a magnitude is `limit` or more, or NaN. */
bool AllBelow(const float* values, int64_t count, float limit) {
  const Panel d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t i = 0; i < count; i += lanes)
    if (!hn::AllTrue(d, hn::Lt(hn::Abs(hn::LoadU(d, values + i)), hn::Set(d, limit)))) return false;
  return true;
}

/** q = w / scale to the nearest integer; a row of zeros has scale 0 and stays zeros. */
void QuantisePanel(const float* HWY_RESTRICT values, int64_t K, int8_t* HWY_RESTRICT to, float* HWY_RESTRICT scales) {
  const Panel d;
  const hn::Rebind<int32_t, Panel> d32;
  const hn::Rebind<int8_t, Panel> d8;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t lane = 0; lane < kPanel; lane += lanes) {
    auto largest = hn::Zero(d);
    for (int64_t k = 0; k < K; k++) largest = hn::Max(largest, hn::Abs(hn::LoadU(d, values + k * kPanel + lane)));
    const auto scale = hn::Div(largest, hn::Set(d, 127.0f));
    hn::StoreU(scale, d, scales + lane);
    const auto nonzero = hn::Gt(scale, hn::Zero(d));
    for (int64_t k = 0; k < K; k++) {
      const auto w = hn::LoadU(d, values + k * kPanel + lane);
      // Only a scale so small that it is inexact gives more than 127.
      const auto q = hn::NearestInt(hn::IfThenElseZero(nonzero, hn::Div(w, scale)));
      const auto bounded = hn::Max(hn::Min(q, hn::Set(d32, 127)), hn::Set(d32, -127));
      hn::StoreU(hn::DemoteTo(d8, bounded), d8, to + k * kPanel + lane);
    }
  }
}

/** One unit is a panel. Own scratch: a panel in f32, then room for a block. */
void RunPack(const PackArgs& a, char* own, int64_t unit) {
  const int64_t m = unit * kPanel;
  const int64_t outputs = std::min(kPanel, a.M - m);
  const int64_t count = a.K * kPanel;
  float* room = reinterpret_cast<float*>(own);
  char* to = a.packed + unit * count * PackedBytes(a.format);
  float* values = a.format == Format::f32 ? reinterpret_cast<float*>(to) : room + kBlockRoom;
  if (outputs < kPanel) std::fill_n(values, count, 0.0f);
  LoadBlock(a.weight.Transposed(), 0, a.K, m, outputs, values, kPanel, room);
  // What would round to infinity in f16 is lost just as well.
  if (a.format == Format::f16 && !AllBelow(values, count, 65520.0f))
    throw std::runtime_error("the weight holds numbers beyond f16, infinities or NaN; pack it as f32");
  if (a.format == Format::i8 && !AllBelow(values, count, std::numeric_limits<float>::infinity()))
    throw std::runtime_error("the weight holds infinities or NaN, which packed i8 cannot; pack it as f32");
  switch (a.format) {
    case Format::f16: return StoreRow(values, static_cast<size_t>(count), to, 2, DType::f16);
    case Format::bf16: return StoreRow(values, static_cast<size_t>(count), to, 2, DType::bf16);
    case Format::i8:
      return QuantisePanel(values, a.K, reinterpret_cast<int8_t*>(to), ScalesOf(a.packed, a.M, a.K) + m);
    default: return;
  }
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace ss
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ss {

HWY_EXPORT(RunPack);

namespace {

enum Argument { weight, packed };
enum Size { M, K };

Assessment AssessPack(const Call& call) {
  Refusal refusal = UnsupportedDType(call, weight, kNarrowFloats);
  if (!refusal.code.empty()) return Assessment::Refuse(refusal.code, refusal.message);
  Assessment assessment;
  assessment.bitwise = true;
  assessment.own_scratch = static_cast<size_t>(call.Size(K) * kPanel + kBlockRoom) * sizeof(float);
  return assessment;
}

std::vector<Phase> PlanPack(const Call& call) {
  const PackArgs args = {call.Size(M), call.Size(K), Matrix::Of(call[weight]), call[packed].format, call[packed].data};
  return {{PanelsOf(args.M), static_cast<double>(args.M * args.K), [args](const Scratch& scratch, int64_t unit) {
             HWY_DYNAMIC_DISPATCH(RunPack)(args, scratch.own, unit);
           }}};
}

}  // namespace

Op Pack() { return {"pack", {"weight"}, {"packed"}, {}, {"M", "K"}, AssessPack, PlanPack}; }

}  // namespace ss
#endif
