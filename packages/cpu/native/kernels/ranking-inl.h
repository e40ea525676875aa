// The ids of a row of logits by falling value, with their weights, in order only as far as they are looked at.
#if defined(SS_RANKING_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SS_RANKING_INL_H_
#undef SS_RANKING_INL_H_
#else
#define SS_RANKING_INL_H_
#endif

#include <algorithm>

#include "logits-inl.h"
#include "ranking.h"

HWY_BEFORE_NAMESPACE();
namespace ss {
namespace HWY_NAMESPACE {

/** exp(x) for x <= 0 within about one unit in the last place, 1 for 0; about 1e-308 below -708. */
template <class D, class V = hn::Vec<D>>
HWY_INLINE V ExpOfNegative(D d, V x) {
  const hn::RebindToSigned<D> di;
  const V clamped = hn::Max(x, hn::Set(d, -708.0));
  // Added to this, a number is an integer in the lowest bits.
  const V magic = hn::Set(d, 0x1.8p52);
  const V shifted = hn::MulAdd(clamped, hn::Set(d, 1.4426950408889634), magic);
  const V n = hn::Sub(shifted, magic);
  V r = hn::NegMulAdd(n, hn::Set(d, 6.93147180369123816490e-01), clamped);
  r = hn::NegMulAdd(n, hn::Set(d, 1.90821492927058770002e-10), r);
  // The series to r^13 / 13!: |r| <= log(2) / 2 leaves less than 2^-57.
  constexpr double factorials[] = {6227020800.0, 479001600.0, 39916800.0, 3628800.0, 362880.0, 40320.0, 5040.0,
                                   720.0,        120.0,       24.0,       6.0,       2.0,      1.0,     1.0};
  V p = hn::Set(d, 1 / factorials[0]);
#pragma GCC unroll 13
  for (int i = 1; i < 14; i++) p = hn::MulAdd(p, r, hn::Set(d, 1 / factorials[i]));
  return hn::BitCast(d, hn::Add(hn::BitCast(di, p), hn::ShiftLeft<52>(hn::BitCast(di, shifted))));
}

/** Appends what is in (low, high]. @returns how many */
HWY_INLINE size_t Gather(const float* row, size_t count, float low, float high, uint64_t* to) {
  const F32 d;
  const size_t lanes = hn::Lanes(d);
  const auto above = hn::Set(d, low), most = hn::Set(d, high);
  uint64_t* const begin = to;
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto x = hn::LoadU(d, row + i);
    const auto inside = hn::And(hn::Gt(x, above), hn::Le(x, most));
    if (hn::AllFalse(d, inside)) continue;
    uint8_t bytes[8] = {};
    hn::StoreMaskBits(d, inside, bytes);
    uint64_t bits;
    std::memcpy(&bits, bytes, 8);
    for (; bits != 0; bits &= bits - 1) {
      const size_t at = i + static_cast<size_t>(hwy::Num0BitsBelowLS1Bit_Nonzero64(bits));
      *to++ = Ranked(row[at], at);
    }
  }
  for (; i < count; i++)
    if (row[i] > low && row[i] <= high) *to++ = Ranked(row[i], i);
  return static_cast<size_t>(to - begin);
}

class Ranking {
 public:
  Ranking(const Draw& draw, double most, double temperature)
      : draw_(draw), most_(most), temperature_(temperature), list_(draw.list) {
    std::sort(draw.apart, draw.apart + draw.apart_count);
  }

  /** True when there is such a place; only then the others may be asked. */
  bool Has(size_t place) {
    while (place >= ranked_)
      if (!Extend()) return false;
    return true;
  }
  uint32_t IdAt(size_t place) const { return draw_.ids[place]; }
  /** e^((value - most) / temperature) */
  double WeightAt(size_t place) const { return draw_.weights[place]; }

 private:
  /** Places that are filled at a time. */
  static constexpr size_t kChunk = 64;

  bool Extend() {
    HWY_ALIGN double values[kChunk];
    size_t filled = 0;
    for (Candidate next; filled < kChunk && Next(next); filled++) {
      values[filled] = next.value;
      draw_.ids[ranked_ + filled] = next.id;
    }
    const hn::ScalableTag<double> d;
    const size_t lanes = hn::Lanes(d);
    for (size_t i = filled; i < (filled + lanes - 1) / lanes * lanes; i++) values[i] = most_;
    for (size_t i = 0; i < filled; i += lanes) {
      const auto below = hn::Sub(hn::Load(d, values + i), hn::Set(d, most_));
      hn::Store(ExpOfNegative(d, hn::Div(below, hn::Set(d, temperature_))), d, values + i);
    }
    std::memcpy(draw_.weights + ranked_, values, filled * sizeof(double));
    ranked_ += filled;
    return filled > 0;
  }

  /** The next of the row and of those apart, whichever comes first. */
  bool Next(Candidate& next) {
    while (list_next_ == list_end_ && level_ < kLevels) OpenLevel();
    const bool listed = list_next_ < list_end_, apart = apart_next_ < draw_.apart_count;
    if (!listed && !apart) return false;
    if (listed) {
      const uint32_t id = static_cast<uint32_t>(list_[list_next_]);
      next = {static_cast<double>(draw_.row[id]), id};
    }
    if (listed && (!apart || next < draw_.apart[apart_next_])) {
      list_next_++;
    } else {
      next = draw_.apart[apart_next_++];
    }
    return true;
  }

  void OpenLevel() {
    float low = kNone;
    if (level_ + 1 < kLevels) {
      // Below the best at least, however cold.
      low = std::min(static_cast<float>(most_ - kDepths[level_] * temperature_),
                     std::nextafter(static_cast<float>(most_), kNone));
    }
    list_next_ = 0;
    list_end_ = Gather(draw_.row, draw_.count, low, high_, draw_.list);
    list_ = SortRanked(draw_.list, draw_.list + draw_.count, list_end_);
    high_ = low;
    level_++;
  }

  const Draw& draw_;
  const double most_, temperature_;
  int level_ = 0;
  float high_ = std::numeric_limits<float>::infinity();
  /** The level at hand. */
  const uint64_t* list_;
  size_t list_next_ = 0, list_end_ = 0;
  size_t apart_next_ = 0;
  size_t ranked_ = 0;
};

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace ss
HWY_AFTER_NAMESPACE();

#endif
