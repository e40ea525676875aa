#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/linear-backward.cc"
#include "hwy/foreach_target.h"
//
#include <algorithm>

#include "../ops.h"
#include "../product.h"
#include "block-inl.h"
#include "hwy/highway.h"

/*
 * Two products of the kernel that runs the forward, by strides: dx = dy W is dy times the transpose of W, and
 * dW = dy^T x is dy^T times the transpose of x. dbias sums dy over the rows, in their order.
 */

#ifndef SS_LINEAR_BACKWARD_ONCE_
#define SS_LINEAR_BACKWARD_ONCE_
namespace ss {

struct ColumnSumArgs {
  int64_t rows;
  int64_t columns;
  Matrix from;
  /** (1, columns), dense f32 */
  Matrix to;
};

/** Columns of a unit. */
inline constexpr int64_t kSumColumns = 64;
inline constexpr int64_t kSumRows = 16;

}  // namespace ss
#endif

HWY_BEFORE_NAMESPACE();
namespace ss {
namespace HWY_NAMESPACE {

/** Own scratch: room for a block, then 16 rows of the unit's columns. */
void RunColumnSum(const ColumnSumArgs& a, char* own, int64_t unit) {
  const F32 d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t column = unit * kSumColumns;
  const int64_t count = std::min(kSumColumns, a.columns - column);
  float* room = reinterpret_cast<float*>(own);
  float* block = room + kBlockRoom;
  HWY_ALIGN float sums[kSumColumns] = {};
  for (int64_t row = 0; row < a.rows; row += kSumRows) {
    const int64_t rows = std::min(kSumRows, a.rows - row);
    LoadBlock(a.from, row, rows, column, count, block, kSumColumns, room);
    for (int64_t i = 0; i < kSumColumns; i += lanes) {
      auto sum = hn::Load(d, sums + i);
      for (int64_t r = 0; r < rows; r++) sum = hn::Add(sum, hn::LoadU(d, block + r * kSumColumns + i));
      hn::Store(sum, d, sums + i);
    }
  }
  std::copy_n(sums, count, reinterpret_cast<float*>(a.to.At(0, column)));
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace ss
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ss {

HWY_EXPORT(RunColumnSum);

namespace {

enum Argument { x, weight, dy, dx, dweight, dbias };
enum Size { R, K, M };

Product InputGradient(const Call& call) {
  Product product;
  product.R = call.Size(R);
  product.K = call.Size(M);
  product.M = call.Size(K);
  product.x = Matrix::Of(call[dy]);
  product.weight = Matrix::Of(call[weight]).Transposed();
  product.y = Matrix::Of(call[dx]);
  return product;
}

Product WeightGradient(const Call& call) {
  Product product;
  product.R = call.Size(M);
  product.K = call.Size(R);
  product.M = call.Size(K);
  product.x = Matrix::Of(call[dy]).Transposed();
  product.weight = Matrix::Of(call[x]).Transposed();
  product.y = Matrix::Of(call[dweight]);
  return product;
}

Assessment AssessLinearBackward(const Call& call) {
  for (int argument : {x, dy, dx}) {
    Refusal refusal = UnsupportedDType(call, argument, kNarrowFloats);
    if (!refusal.code.empty()) return Assessment::Refuse(refusal.code, refusal.message);
  }
  Refusal refusal = UnsupportedDType(call, weight, kFloats);
  if (!refusal.code.empty()) return Assessment::Refuse(refusal.code, refusal.message);
  Assessment assessment;
  size_t own = static_cast<size_t>(kBlockRoom + kSumRows * kSumColumns) * sizeof(float);
  for (const Product& product : {InputGradient(call), WeightGradient(call)}) {
    const ProductCut cut(product);
    assessment.shared_scratch = std::max(assessment.shared_scratch, cut.SharedScratch(product));
    own = std::max(own, cut.OwnScratch());
  }
  assessment.own_scratch = own;
  assessment.flops = 4 * static_cast<double>(call.Size(R)) * static_cast<double>(call.Size(K) * call.Size(M));
  return assessment;
}

std::vector<Phase> PlanLinearBackward(const Call& call) {
  std::vector<Phase> phases;
  PlanProduct(InputGradient(call), phases);
  PlanProduct(WeightGradient(call), phases);
  if (call[dbias]) {
    const ColumnSumArgs args = {call.Size(R), call.Size(M), Matrix::Of(call[dy]), Matrix::Of(call[dbias])};
    phases.push_back({(args.columns + kSumColumns - 1) / kSumColumns, static_cast<double>(args.rows * args.columns) / 4,
                      [args](const Scratch& scratch, int64_t unit) {
                        HWY_DYNAMIC_DISPATCH(RunColumnSum)(args, scratch.own, unit);
                      }});
  }
  return phases;
}

}  // namespace

Op LinearBackward() {
  return {"linearBackward", {"x", "weight", "dy"}, {"dx", "dweight", "dbias"}, {"bias"}, {"R", "K", "M"},
          AssessLinearBackward, PlanLinearBackward};
}

}  // namespace ss
#endif
