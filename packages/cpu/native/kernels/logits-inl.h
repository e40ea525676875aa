// What is asked of a row of logits: its largest, and log(sum exp).
#if defined(SS_LOGITS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SS_LOGITS_INL_H_
#undef SS_LOGITS_INL_H_
#else
#define SS_LOGITS_INL_H_
#endif

#include <cmath>
#include <limits>

#include "math-inl.h"
#include "rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace ss {
namespace HWY_NAMESPACE {

inline constexpr float kNone = -std::numeric_limits<float>::infinity();

/** Logits that are looked at together; in a fixed order, so that sums have the same bits for every layout. */
inline constexpr size_t kLogitsBlock = 1024;

/** The largest number, -infinity when there is none; NaN is never larger. */
HWY_INLINE float Largest(const float* x, size_t count) {
  const F32 d;
  const size_t lanes = hn::Lanes(d);
  const auto larger = [](auto one, auto other) HWY_ATTR { return hn::IfThenElse(hn::Gt(one, other), one, other); };
  auto a = hn::Set(d, kNone), b = a, c = a, e = a;
  size_t i = 0;
  for (; i + 4 * lanes <= count; i += 4 * lanes) {
    a = larger(hn::LoadU(d, x + i), a);
    b = larger(hn::LoadU(d, x + i + lanes), b);
    c = larger(hn::LoadU(d, x + i + 2 * lanes), c);
    e = larger(hn::LoadU(d, x + i + 3 * lanes), e);
  }
  for (; i + lanes <= count; i += lanes) a = larger(hn::LoadU(d, x + i), a);
  float most = hn::GetLane(hn::MaxOfLanes(d, larger(larger(a, b), larger(c, e))));
  for (; i < count; i++) most = x[i] > most ? x[i] : most;
  return most;
}

HWY_INLINE bool HasNaN(const float* x, size_t count) {
  const F32 d;
  const size_t lanes = hn::Lanes(d);
  auto found = hn::IsNaN(hn::Zero(d));
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) found = hn::Or(found, hn::IsNaN(hn::LoadU(d, x + i)));
  bool any = !hn::AllFalse(d, found);
  for (; i < count; i++) any = any || x[i] != x[i];
  return any;
}

/** The lowest index of a value that is there. */
HWY_INLINE size_t FirstOf(const float* x, size_t count, float value) {
  const F32 d;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  while (i + lanes <= count && hn::AllFalse(d, hn::Eq(hn::LoadU(d, x + i), hn::Set(d, value)))) i += lanes;
  while (i < count && x[i] != value) i++;
  return i;
}

/** to = exp(x - shift), which may be its own place; @returns the sum */
HWY_INLINE double Exponentials(const float* x, size_t count, float shift, float* to) {
  const F32 d;
  const size_t lanes = hn::Lanes(d);
  const auto by = hn::Set(d, shift);
  double sum = 0;
  for (size_t begin = 0; begin < count; begin += kLogitsBlock) {
    const size_t end = HWY_MIN(begin + kLogitsBlock, count);
    auto a = hn::Zero(d), b = hn::Zero(d);
    size_t i = begin;
    for (; i + 2 * lanes <= end; i += 2 * lanes) {
      const auto ea = Exp(d, hn::Sub(hn::LoadU(d, x + i), by));
      const auto eb = Exp(d, hn::Sub(hn::LoadU(d, x + i + lanes), by));
      hn::StoreU(ea, d, to + i);
      hn::StoreU(eb, d, to + i + lanes);
      a = hn::Add(a, ea);
      b = hn::Add(b, eb);
    }
    for (; i < end; i += lanes) {
      const size_t few = HWY_MIN(lanes, end - i);
      const auto e = hn::IfThenElseZero(hn::FirstN(d, few), Exp(d, hn::Sub(LoadFew(d, x + i, few), by)));
      StoreFew(e, d, to + i, few);
      a = hn::Add(a, e);
    }
    sum += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, hn::Add(a, b))));
  }
  return sum;
}

/** A sum of exponentials, relative to the largest term so far, to which blocks of logits are added. */
struct LogSumExp {
  float most = kNone;
  double sum = 0;

  /** At most kLogitsBlock logits. */
  void Add(const float* x, size_t count) {
    HWY_ALIGN float exponentials[kLogitsBlock];
    const float largest = Largest(x, count);
    if (largest > most) {
      sum *= std::exp(static_cast<double>(most) - static_cast<double>(largest));
      most = largest;
    }
    // Nothing but -infinity so far, or NaN, which must not be lost.
    sum += Exponentials(x, count, most == kNone ? 0 : most, exponentials);
  }

  /** NaN where a logit was NaN or infinity, -infinity where all were -infinity; finite otherwise. */
  double Value() const { return static_cast<double>(most) + std::log(sum); }
};

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace ss
HWY_AFTER_NAMESPACE();

#endif
