#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/embedding.cc"
#include "hwy/foreach_target.h"
//
#include <algorithm>
#include <stdexcept>
#include <string>

#include "../linear.h"
#include "../ops.h"
#include "block-inl.h"
#include "hwy/highway.h"

/*
 * Rows of a weight by id, out of the panels that `linear` multiplies with or out of a weight as it is stored. A row
 * of a panel is a column of [k][16]. Backwards a unit owns some rows of the weight and looks for them among all ids:
 * every sum is in the order of the ids, and memory is written from one end to the other.
 */

#ifndef SS_EMBEDDING_ONCE_
#define SS_EMBEDDING_ONCE_
namespace ss {

struct EmbeddingArgs {
  int64_t R;
  int64_t V;
  int64_t K;
  const char* ids;
  Walk ids_walk;
  Format format;
  char* packed;
  Matrix weight;
  Matrix y;

  /** @throws std::runtime_error for an id that is no row. */
  int64_t Id(int64_t r) const {
    const int32_t id = *reinterpret_cast<const int32_t*>(ids + ids_walk.Offset(r));
    if (id < 0 || id >= V)
      throw std::runtime_error("the id at position " + std::to_string(r) + " is outside [0, " + std::to_string(V) + ")");
    return id;
  }
};

/** `weight` is dweight, `y` is dy. */
struct EmbeddingBackwardArgs : EmbeddingArgs {
  /** of the weight, in a unit */
  int64_t rows;
};

/** Rows of y in a unit. */
inline constexpr int64_t kLookUps = 16;

}  // namespace ss
#endif

HWY_BEFORE_NAMESPACE();
namespace ss {
namespace HWY_NAMESPACE {

/** Every 16th weight, beginning at `from`. */
template <Format format>
void LoadPackedRow(const char* from, int64_t K, float scale, float* HWY_RESTRICT to) {
  for (int64_t k = 0; k < K; k++, from += kPanel * PackedBytes(format)) {
    if constexpr (format == Format::f32) to[k] = *reinterpret_cast<const float*>(from);
    if constexpr (format == Format::f16) to[k] = F16ToFloat(*reinterpret_cast<const uint16_t*>(from));
    if constexpr (format == Format::bf16) to[k] = BF16ToFloat(*reinterpret_cast<const uint16_t*>(from));
    if constexpr (format == Format::i8) to[k] = static_cast<float>(*reinterpret_cast<const int8_t*>(from)) * scale;
  }
}

void LoadWeightRow(const EmbeddingArgs& a, int64_t id, float* HWY_RESTRICT to) {
  const int64_t bytes = PackedBytes(a.format);
  const char* from = a.packed + (id / kPanel * a.K * kPanel + id % kPanel) * bytes;
  switch (a.format) {
    case Format::f32: return LoadPackedRow<Format::f32>(from, a.K, 1, to);
    case Format::f16: return LoadPackedRow<Format::f16>(from, a.K, 1, to);
    case Format::bf16: return LoadPackedRow<Format::bf16>(from, a.K, 1, to);
    case Format::i8: return LoadPackedRow<Format::i8>(from, a.K, ScalesOf(a.packed, a.V, a.K)[id], to);
    case Format::strided:
      for (int64_t k = 0; !a.weight.columns.uniform() && k < a.K; k++)
        to[k] = LoadFloat(a.weight.At(id, k), a.weight.dtype);
      if (a.weight.columns.uniform())
        LoadRow(a.weight.At(id, 0), a.weight.columns.step(), a.weight.dtype, static_cast<size_t>(a.K), to);
  }
}

/** Own scratch: a row in f32. */
void RunEmbedding(const EmbeddingArgs& a, char* own, int64_t unit) {
  const int64_t end = std::min(a.R, (unit + 1) * kLookUps);
  for (int64_t r = unit * kLookUps; r < end; r++) {
    const int64_t id = a.Id(r);
    char* home = a.y.At(r, 0);
    const bool direct = a.y.dtype == DType::f32 && a.y.HasRows();
    float* row = reinterpret_cast<float*>(direct ? home : own);
    LoadWeightRow(a, id, row);
    if (!direct) StoreRow(row, static_cast<size_t>(a.K), home, a.y.columns.step(), a.y.dtype);
  }
}

/** Own scratch: a row in f32. */
void RunEmbeddingBackward(const EmbeddingBackwardArgs& a, char* own, int64_t unit) {
  const F32 d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t first = unit * a.rows;
  const int64_t end = std::min(a.V, first + a.rows);
  float* const sums = reinterpret_cast<float*>(a.weight.data);
  float* const row = reinterpret_cast<float*>(own);
  std::fill(sums + first * a.K, sums + end * a.K, 0.0f);
  for (int64_t r = 0; r < a.R; r++) {
    const int64_t id = a.Id(r);
    if (id < first || id >= end) continue;
    LoadRow(a.y.At(r, 0), a.y.columns.step(), a.y.dtype, static_cast<size_t>(a.K), row);
    float* to = sums + id * a.K;
    int64_t k = 0;
    for (; k + lanes <= a.K; k += lanes) hn::StoreU(hn::Add(hn::LoadU(d, to + k), hn::LoadU(d, row + k)), d, to + k);
    for (; k < a.K; k++) to[k] += row[k];
  }
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace ss
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ss {

HWY_EXPORT(RunEmbedding);
HWY_EXPORT(RunEmbeddingBackward);

namespace {

enum Size { R, V, K };

template <class Args>
Args ArgsOf(const Call& call, const Arg& ids) {
  Args args = {};
  args.R = call.Size(R);
  args.V = call.Size(V);
  args.K = call.Size(K);
  args.ids = ids.data;
  args.ids_walk = Walk(ids, 0, ids.rank);
  return args;
}

Assessment AssessEmbedding(const Call& call) {
  enum { ids, weight, y };
  for (auto refusal : {UnsupportedDType(call, ids, {DType::i32}), UnsupportedDType(call, weight, kFloats),
                       UnsupportedDType(call, y, kNarrowFloats)})
    if (!refusal.code.empty()) return Assessment::Refuse(refusal.code, refusal.message);
  Assessment assessment;
  assessment.bitwise = true;
  assessment.own_scratch = static_cast<size_t>(call.Size(K)) * sizeof(float);
  return assessment;
}

std::vector<Phase> PlanEmbedding(const Call& call) {
  enum { ids, weight, y };
  EmbeddingArgs args = ArgsOf<EmbeddingArgs>(call, call[ids]);
  args.format = call[weight].format;
  args.packed = call[weight].data;
  args.weight = Matrix::Of(call[weight]);
  args.y = Matrix::Of(call[y]);
  return {{(args.R + kLookUps - 1) / kLookUps, static_cast<double>(args.R * args.K),
           [args](const Scratch& scratch, int64_t unit) {
             HWY_DYNAMIC_DISPATCH(RunEmbedding)(args, scratch.own, unit);
           }}};
}

Assessment AssessEmbeddingBackward(const Call& call) {
  enum { ids, dy, dweight };
  for (auto refusal : {UnsupportedDType(call, ids, {DType::i32}), UnsupportedDType(call, dy, kNarrowFloats),
                       UnsupportedDType(call, dweight, {DType::f32})})
    if (!refusal.code.empty()) return Assessment::Refuse(refusal.code, refusal.message);
  Assessment assessment;
  assessment.bitwise = true;
  assessment.own_scratch = static_cast<size_t>(call.Size(K)) * sizeof(float);
  return assessment;
}

std::vector<Phase> PlanEmbeddingBackward(const Call& call) {
  enum { ids, dy, dweight };
  EmbeddingBackwardArgs args = ArgsOf<EmbeddingBackwardArgs>(call, call[ids]);
  args.y = Matrix::Of(call[dy]);
  args.weight = Matrix::Of(call[dweight]);
  // Enough units for every thread, few enough that looking through the ids again costs nothing.
  args.rows = std::max<int64_t>(64, (args.V + 63) / 64);
  return {{(args.V + args.rows - 1) / args.rows, static_cast<double>((args.R + args.V) * args.K) / 4,
           [args](const Scratch& scratch, int64_t unit) {
             HWY_DYNAMIC_DISPATCH(RunEmbeddingBackward)(args, scratch.own, unit);
           }}};
}

}  // namespace

Op Embedding() {
  return {"embedding", {"ids", "weight"}, {"y"}, {}, {"R", "V", "K"}, AssessEmbedding, PlanEmbedding};
}

Op EmbeddingBackward() {
  return {"embeddingBackward",       {"ids", "dy"},         {"dweight"}, {}, {"R", "V", "K"},
          AssessEmbeddingBackward, PlanEmbeddingBackward};
}

}  // namespace ss
#endif
