// With v = (x + residual) silu(gate), r = 1 / sqrt(mean(v^2) + eps) over each group of a row and y = v r w:
// dv = r (dy w - v r^2 mean(dy w v)), dx = dresidual = dv silu(gate) + dsum, dgate = dv (x + residual) silu'(gate),
// and dw sums dy v r over the rows.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/rms-norm-backward.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

#include "math-inl.h"
#include "rows-inl.h"

#ifndef SS_RMS_NORM_BACKWARD_
#define SS_RMS_NORM_BACKWARD_
namespace ss {

struct NormBackward {
  enum { x, dy, residual, gate, dsum, dx, dresidual, dgate, rows };
  size_t K, groups;
  double eps;
  RowArg weight;
};

/** Rows of f32 that a thread works in. */
struct NormBackwardRows {
  enum { s, v, w, dy, gate, open, dsum, dx, dgate, count };
  float* row[count];

  NormBackwardRows(char* scratch, size_t K) {
    for (size_t i = 0; i < count; i++)
      row[i] = reinterpret_cast<float*>(scratch) + i * PaddedRow(static_cast<int64_t>(K));
  }
};

/** One group: where its rows begin; null for what was not given. `open` is sigmoid(gate), `s` is x + residual. */
struct NormBackwardGroup {
  const float *s, *v, *w, *dy, *gate, *open, *dsum;
  float *dx, *dgate, *dw;
};

}  // namespace ss
#endif

HWY_BEFORE_NAMESPACE();
namespace ss {
namespace HWY_NAMESPACE {

struct Moments {
  /** sum(v^2) and sum(dy w v); in f64, since what is left of a gradient may be a small difference. */
  double squares, dot;
};

HWY_INLINE Moments MomentsOf(const NormBackwardGroup& g, size_t n) {
  const hn::ScalableTag<double> d;
  const hn::Rebind<float, decltype(d)> narrow;
  const size_t lanes = hn::Lanes(d);
  auto squares = hn::Zero(d), dot = hn::Zero(d);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto v = hn::PromoteTo(d, hn::LoadU(narrow, g.v + i));
    auto dy = hn::PromoteTo(d, hn::LoadU(narrow, g.dy + i));
    if (g.w != nullptr) dy = hn::Mul(dy, hn::PromoteTo(d, hn::LoadU(narrow, g.w + i)));
    squares = hn::MulAdd(v, v, squares);
    dot = hn::MulAdd(dy, v, dot);
  }
  Moments sums = {hn::GetLane(hn::SumOfLanes(d, squares)), hn::GetLane(hn::SumOfLanes(d, dot))};
  for (; i < n; i++) {
    const double v = g.v[i];
    sums.squares += v * v;
    sums.dot += static_cast<double>(g.dy[i]) * (g.w == nullptr ? 1 : static_cast<double>(g.w[i])) * v;
  }
  return sums;
}

HWY_INLINE void GroupGradients(const NormBackwardGroup& g, size_t n, double eps) {
  const F32 d;
  const auto [squares, dot] = MomentsOf(g, n);
  const double r = 1 / std::sqrt(squares / static_cast<double>(n) + eps);
  const auto scale = hn::Set(d, static_cast<float>(r));
  const auto mean = hn::Set(d, static_cast<float>(r * r * dot / static_cast<double>(n)));
  if (g.dw != nullptr) {
    ForLanes(n, g.dw, [&](auto load) HWY_ATTR {
      return hn::MulAdd(hn::Mul(load(g.dy), load(g.v)), scale, load(g.dw));
    });
  }
  // dv, in the place of dx
  ForLanes(n, g.dx, [&](auto load) HWY_ATTR {
    const auto dy = g.w == nullptr ? load(g.dy) : hn::Mul(load(g.dy), load(g.w));
    return hn::Mul(scale, hn::NegMulAdd(load(g.v), mean, dy));
  });
  if (g.gate != nullptr) {
    ForLanes(n, g.dgate, [&](auto load) HWY_ATTR {
      return hn::Mul(hn::Mul(load(g.dx), load(g.s)), SiluSlopeFrom(d, load(g.gate), load(g.open)));
    });
    ForLanes(n, g.dx, [&](auto load) HWY_ATTR {
      return hn::Mul(load(g.dx), SiluFrom(d, load(g.gate), load(g.open)));
    });
  }
  if (g.dsum != nullptr)
    ForLanes(n, g.dx, [&](auto load) HWY_ATTR { return hn::Add(load(g.dx), load(g.dsum)); });
}

void RowGradients(const NormBackward& norm, const RowArg (&rows)[NormBackward::rows], const NormBackwardRows& own,
                  const float* weight, float* dw) {
  using Own = NormBackwardRows;
  const F32 d;
  const size_t K = norm.K;
  const auto given = [&](int arg, int buffer) HWY_ATTR -> const float* {
    return rows[arg] ? Floats(rows[arg], K, own.row[buffer]) : nullptr;
  };
  const float* s = given(NormBackward::x, Own::s);
  const float* dy = given(NormBackward::dy, Own::dy);
  if (const float* residual = given(NormBackward::residual, Own::v)) {
    ForLanes(K, own.row[Own::s], [&](auto load) HWY_ATTR { return hn::Add(load(s), load(residual)); });
    s = own.row[Own::s];
  }
  const float* gate = given(NormBackward::gate, Own::gate);
  const float* v = s;
  if (gate != nullptr) {
    ForLanes(K, own.row[Own::open], [&](auto load) HWY_ATTR { return Sigmoid(d, load(gate)); });
    ForLanes(K, own.row[Own::v], [&](auto load) HWY_ATTR {
      return hn::Mul(load(s), SiluFrom(d, load(gate), load(own.row[Own::open])));
    });
    v = own.row[Own::v];
  }
  const float* dsum = given(NormBackward::dsum, Own::dsum);
  float* dx = Target(rows[NormBackward::dx], own.row[Own::dx]);
  float* dgate = gate == nullptr ? nullptr : Target(rows[NormBackward::dgate], own.row[Own::dgate]);

  const size_t n = K / norm.groups;
  for (size_t k = 0; k < K; k += n) {
    const auto part = [k](auto* row) { return row == nullptr ? row : row + k; };
    GroupGradients({part(s), part(v), part(weight), part(dy), part(gate), own.row[Own::open] + k, part(dsum),
                    part(dx), part(dgate), part(dw)},
                   n, norm.eps);
  }
  Finish(rows[NormBackward::dx], K, dx);
  if (rows[NormBackward::dresidual]) {
    const RowArg& to = rows[NormBackward::dresidual];
    StoreRow(dx, K, to.at, to.step, to.dtype);
  }
  if (gate != nullptr) Finish(rows[NormBackward::dgate], K, dgate);
}

/** @param dw (K) of this slice of rows, or null */
void SliceGradients(const NormBackward& norm, const Rows<NormBackward::rows>& rows, int64_t begin, int64_t end,
                    char* scratch, float* dw) {
  const NormBackwardRows own(scratch, norm.K);
  const float* weight = norm.weight ? Floats(norm.weight, norm.K, own.row[NormBackwardRows::w]) : nullptr;
  if (dw != nullptr) std::memset(dw, 0, norm.K * sizeof(float));
  RowArg row[NormBackward::rows];
  for (; begin < end; begin++) {
    rows.At(begin, row);
    RowGradients(norm, row, own, weight, dw);
  }
}

/** Adds rows of f32, `step` elements apart, in their order. */
void SumSlices(const float* slices, int64_t count, size_t step, size_t width, const RowArg& to) {
  HWY_ALIGN float sum[256];
  for (size_t k = 0; k < width; k += 256) {
    const size_t part = HWY_MIN(width - k, size_t{256});
    std::memset(sum, 0, sizeof(sum));
    for (int64_t slice = 0; slice < count; slice++) {
      const float* from = slices + static_cast<size_t>(slice) * step + k;
      ForLanes(part, sum, [&](auto load) HWY_ATTR { return hn::Add(load(sum), load(from)); });
    }
    StoreRow(sum, part, to.at + static_cast<int64_t>(k) * to.step, to.step, to.dtype);
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

HWY_EXPORT(SliceGradients);
HWY_EXPORT(SumSlices);

enum NormBackwardArg { kX, kDy, kWeight, kResidual, kGate, kDsum, kDx, kDweight, kDresidual, kDgate };
enum NormBackwardOption { kEps, kGroups };
enum NormBackwardSize { kR, kK, kG };

/** Slices of rows that dweight is summed in; a constant, so that its bits do not depend on the number of threads. */
constexpr int64_t kMostSlices = 64;
/** Columns of dweight that one unit adds up. */
constexpr int64_t kColumns = 1024;

int64_t SliceRows(const Call& call) {
  return std::max(RowsOfUnit(call.Size(kK)), (call.Size(kR) + kMostSlices - 1) / kMostSlices);
}

int64_t Slices(const Call& call) { return (call.Size(kR) + SliceRows(call) - 1) / SliceRows(call); }

Assessment AssessNormBackward(const Call& call) {
  Assessment assessment;
  for (int arg : {kX, kDy, kResidual, kGate, kDsum, kWeight}) {
    assessment.refusal = UnsupportedDType(call, arg, arg == kWeight ? kFloats : kNarrowFloats);
    if (!assessment.refusal.code.empty()) return assessment;
  }
  const double elements = static_cast<double>(call.Size(kR) * call.Size(kK));
  const size_t row = PaddedRow(call.Size(kK)) * sizeof(float);
  assessment.own_scratch = NormBackwardRows::count * row;
  if (call[kDweight]) assessment.shared_scratch = static_cast<size_t>(Slices(call)) * row;
  assessment.flops = 12 * elements;
  for (int arg : {kX, kDy, kResidual, kGate, kDsum, kDx, kDresidual, kDgate})
    if (call[arg]) assessment.bytes += elements * static_cast<double>(BytesOf(call[arg].dtype));
  return assessment;
}

std::vector<Phase> PlanNormBackward(const Call& call) {
  const int64_t R = call.Size(kR), K = call.Size(kK);
  NormBackward norm = {static_cast<size_t>(K), static_cast<size_t>(call.Size(kG)), call.Option(kEps), {}};
  if (call[kWeight]) norm.weight = {call[kWeight].data, call[kWeight].Step(0), call[kWeight].dtype};
  const Rows<NormBackward::rows> rows(call, {kX, kDy, kResidual, kGate, kDsum, kDx, kDresidual, kDgate});
  const int64_t slice = SliceRows(call), slices = Slices(call);
  const size_t step = PaddedRow(K);
  const bool weighted = static_cast<bool>(call[kDweight]);
  const double each = call[kGate] ? 2 : 1;
  std::vector<Phase> phases = {
      {slices, each * static_cast<double>(R * K), [=](const Scratch& scratch, int64_t unit) {
         float* dw = reinterpret_cast<float*>(scratch.shared) + static_cast<size_t>(unit) * step;
         HWY_DYNAMIC_DISPATCH(SliceGradients)
         (norm, rows, unit * slice, std::min(R, (unit + 1) * slice), scratch.own, weighted ? dw : nullptr);
       }}};
  if (weighted) {
    const RowArg dweight = {call[kDweight].data, call[kDweight].Step(0), call[kDweight].dtype};
    phases.push_back({(K + kColumns - 1) / kColumns, 0.1 * static_cast<double>(slices * K),
                      [=](const Scratch& scratch, int64_t unit) {
                        const int64_t k = unit * kColumns;
                        RowArg to = dweight;
                        to.at += k * to.step;
                        HWY_DYNAMIC_DISPATCH(SumSlices)
                        (reinterpret_cast<const float*>(scratch.shared) + k, slices, step,
                         static_cast<size_t>(std::min(kColumns, K - k)), to);
                      }});
  }
  return phases;
}

}  // namespace

Op RmsNormBackward() {
  return {"rmsNormBackward",
          {"x", "dy", "weight", "residual", "gate", "dsum"},
          {"dx", "dweight", "dresidual", "dgate"},
          {"eps", "groups"},
          {"R", "K", "G"},
          AssessNormBackward,
          PlanNormBackward};
}

}  // namespace ss
#endif
