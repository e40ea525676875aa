#include "../ops.h"
#include "../product.h"

namespace ss {
namespace {

enum Argument { x, weight, bias, residual, y };
enum Size { R, K, M };

Product ProductOf(const Call& call) {
  Product product;
  product.R = call.Size(R);
  product.K = call.Size(K);
  product.M = call.Size(M);
  product.x = Matrix::Of(call[x]);
  product.format = call[weight].format;
  product.packed = call[weight].data;
  if (product.format == Format::strided) product.weight = Matrix::Of(call[weight]);
  product.bias = Matrix::Of(call[bias]);
  product.residual = Matrix::Of(call[residual]);
  product.y = Matrix::Of(call[y]);
  return product;
}

Assessment AssessLinear(const Call& call) {
  for (int argument : {x, residual, y}) {
    Refusal refusal = UnsupportedDType(call, argument, kNarrowFloats);
    if (!refusal.code.empty()) return Assessment::Refuse(refusal.code, refusal.message);
  }
  for (int argument : {weight, bias}) {
    Refusal refusal = UnsupportedDType(call, argument, kFloats);
    if (!refusal.code.empty()) return Assessment::Refuse(refusal.code, refusal.message);
  }
  const Product product = ProductOf(call);
  const ProductCut cut(product);
  Assessment assessment;
  assessment.bitwise = true;
  assessment.shared_scratch = cut.SharedScratch(product);
  assessment.own_scratch = cut.OwnScratch();
  const double weights = static_cast<double>(product.K * product.M);
  const double rows = static_cast<double>(product.R);
  const bool packed = product.format != Format::strided;
  assessment.flops = 2 * weights * rows;
  assessment.bytes =
      weights * static_cast<double>(packed ? PackedBytes(product.format) : BytesOf(call[weight].dtype)) +
      rows * static_cast<double>((product.K + product.M) * static_cast<int64_t>(BytesOf(call[x].dtype)));
  if (!packed) assessment.notes.push_back("the weight is not packed: every call lays it out anew");
  if (packed && product.format != Format::f32)
    assessment.notes.push_back("activations and sums are f32: narrow weights are widened, exactly, on their way");
  return assessment;
}

std::vector<Phase> PlanLinear(const Call& call) {
  std::vector<Phase> phases;
  PlanProduct(ProductOf(call), phases);
  return phases;
}

}  // namespace

Op Linear() {
  return {"linear", {"x", "weight", "bias", "residual"}, {"y"}, {}, {"R", "K", "M"}, AssessLinear, PlanLinear};
}

}  // namespace ss
