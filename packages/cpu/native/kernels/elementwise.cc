// y = a + b, x sigmoid(x) and log(1 + exp(x)), element by element over any views.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/elementwise.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

#include "axes.h"
#include "floats-inl.h"
#include "math-inl.h"

#ifndef SS_ELEMENTWISE_
#define SS_ELEMENTWISE_
namespace ss {

enum class Function : uint8_t { add, silu, softplus };

/** Elements that are computed on at a time when they are not dense f32: two rows of them stay in the L1 cache. */
inline constexpr size_t kBlock = 1024;

struct Operand {
  const char* data;
  int64_t step;
};

}  // namespace ss
#endif

HWY_BEFORE_NAMESPACE();
namespace ss {
namespace HWY_NAMESPACE {

template <Function function, class D, class V = hn::Vec<D>>
HWY_INLINE V Apply(D d, V x, V b) {
  if constexpr (function == Function::add) return hn::Add(x, b);
  if constexpr (function == Function::silu) return SiluFrom(d, x, Sigmoid(d, x));
  return Softplus(d, x);
}

template <Function function>
void Dense(const float* x, const float* b, float* y, size_t count) {
  const F32 d;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) hn::StoreU(Apply<function>(d, hn::LoadU(d, x + i), hn::LoadU(d, b + i)), d, y + i);
  if (i == count) return;
  // The same arithmetic for what does not fill a vector: where an element lies changes no bit of it.
  HWY_ALIGN float xs[hn::MaxLanes(d)] = {}, bs[hn::MaxLanes(d)] = {};
  std::memcpy(xs, x + i, (count - i) * sizeof(float));
  std::memcpy(bs, b + i, (count - i) * sizeof(float));
  hn::Store(Apply<function>(d, hn::Load(d, xs), hn::Load(d, bs)), d, xs);
  std::memcpy(y + i, xs, (count - i) * sizeof(float));
}

template <Function function>
void Row(Operand x, Operand b, char* y, int64_t y_step, DType dtype, size_t count) {
  constexpr bool binary = function == Function::add;
  constexpr int64_t dense = sizeof(float);
  if (dtype == DType::f32 && x.step == dense && y_step == dense && (!binary || b.step == dense)) {
    const float* xs = reinterpret_cast<const float*>(x.data);
    Dense<function>(xs, binary ? reinterpret_cast<const float*>(b.data) : xs, reinterpret_cast<float*>(y), count);
    return;
  }
  HWY_ALIGN float xs[kBlock];
  HWY_ALIGN float bs[binary ? kBlock : 1];
  for (size_t done = 0; done < count; done += kBlock) {
    const size_t block = HWY_MIN(kBlock, count - done);
    const int64_t at = static_cast<int64_t>(done);
    LoadRow(x.data + at * x.step, x.step, dtype, block, xs);
    if (binary) LoadRow(b.data + at * b.step, b.step, dtype, block, bs);
    Dense<function>(xs, binary ? bs : xs, xs, block);
    StoreRow(xs, block, y + at * y_step, y_step, dtype);
  }
}

void MapRow(Function function, Operand x, Operand b, char* y, int64_t y_step, DType dtype, size_t count) {
  switch (function) {
    case Function::add: return Row<Function::add>(x, b, y, y_step, dtype, count);
    case Function::silu: return Row<Function::silu>(x, b, y, y_step, dtype, count);
    case Function::softplus: return Row<Function::softplus>(x, b, y, y_step, dtype, count);
  }
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace ss
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "../ops.h"

namespace ss {
namespace {

HWY_EXPORT(MapRow);

template <Function function>
struct Elementwise {
  static constexpr bool binary = function == Function::add;
  /** Arguments: x (a), b if there are two, y. */
  static constexpr int y = binary ? 2 : 1;

  static Assessment Assess(const Call& call) {
    Assessment assessment;
    assessment.refusal = UnsupportedDType(call, 0, kNarrowFloats);
    if (!assessment.refusal.code.empty()) return assessment;
    assessment.bitwise = true;
    const double elements = static_cast<double>(call.Size(0));
    assessment.flops = elements;
    assessment.bytes = elements * static_cast<double>((y + 1) * BytesOf(call[0].dtype));
    return assessment;
  }

  static std::vector<Phase> Plan(const Call& call) {
    // Without a second operand the first stands in for it and is not read twice.
    const Pieces<3> pieces(CommonAxes<3>({&call[0], &call[binary ? 1 : 0], &call[y]}));
    const DType dtype = call[0].dtype;
    const char* x = call[0].data;
    const char* b = call[binary ? 1 : 0].data;
    char* to = call[y].data;
    // Nanoseconds an element: memory, or the polynomials.
    const double each = function == Function::add ? 0.3 : 0.6;
    return {{pieces.Units(), each * static_cast<double>(call.Size(0)), [=](const Scratch&, int64_t unit) {
               const auto map_row = HWY_DYNAMIC_DISPATCH(MapRow);
               for (Pieces<3>::Cursor at(pieces, unit); at.Next();) {
                 map_row(function, {x + at.offsets[0], pieces.Step(0)}, {b + at.offsets[1], pieces.Step(1)},
                         to + at.offsets[2], pieces.Step(2), dtype, at.elements);
               }
             }}};
  }
};

}  // namespace

Op Add() {
  using E = Elementwise<Function::add>;
  return {"add", {"a", "b"}, {"y"}, {}, {"E"}, E::Assess, E::Plan};
}

Op Silu() {
  using E = Elementwise<Function::silu>;
  return {"silu", {"x"}, {"y"}, {}, {"E"}, E::Assess, E::Plan};
}

Op Softplus() {
  using E = Elementwise<Function::softplus>;
  return {"softplus", {"x"}, {"y"}, {}, {"E"}, E::Assess, E::Plan};
}

}  // namespace ss
#endif
