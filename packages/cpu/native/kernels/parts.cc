#include "parts.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/parts.cc"
#include "hwy/foreach_target.h"
// After foreach_target.
#include "floats-inl.h"

#ifndef SS_PARTS_
#define SS_PARTS_
namespace ss {
/** Columns that are added before they are stored; their sums stay in the first cache. */
inline constexpr int64_t kPartColumns = 512;
}  // namespace ss
#endif

HWY_BEFORE_NAMESPACE();
namespace ss {
namespace HWY_NAMESPACE {

/** sums += part, for whole and broken vectors alike. */
void AddRow(const float* HWY_RESTRICT part, int64_t count, float* HWY_RESTRICT sums) {
  const F32 d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) hn::StoreU(hn::Add(hn::LoadU(d, sums + i), hn::LoadU(d, part + i)), d, sums + i);
  for (; i < count; i++) sums[i] += part[i];
}

/** One row of the result, all its columns: the parts' rows are `part_step` floats apart. */
void SumRow(const float* parts, int64_t count, int64_t part_step, int64_t width, char* to, int64_t step, DType dtype) {
  float sums[kPartColumns];
  for (int64_t c = 0; c < width; c += kPartColumns) {
    const int64_t columns = std::min(kPartColumns, width - c);
    std::memcpy(sums, parts + c, static_cast<size_t>(columns) * sizeof(float));
    for (int64_t part = 1; part < count; part++) AddRow(parts + part * part_step + c, columns, sums);
    StoreRow(sums, static_cast<size_t>(columns), to + c * step, step, dtype);
  }
}

/** The same for the parts whose sequence names `slot`. */
void SumSlotRow(const float* parts, const Sequences& sequences, int64_t slot, int64_t part_step, int64_t width, char* to,
                int64_t step, DType dtype) {
  float sums[kPartColumns];
  for (int64_t c = 0; c < width; c += kPartColumns) {
    const int64_t columns = std::min(kPartColumns, width - c);
    std::fill(sums, sums + columns, 0.0f);
    for (int64_t i = 0; i < sequences.count; i++)
      if (sequences[i].slot == slot) AddRow(parts + i * part_step + c, columns, sums);
    StoreRow(sums, static_cast<size_t>(columns), to + c * step, step, dtype);
  }
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace ss
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ss {

HWY_EXPORT(SumRow);
HWY_EXPORT(SumSlotRow);

void SumParts(std::vector<Phase>& phases, const Parts& parts, const View<3>& out) {
  // Short rows go together, or taking a unit would cost more than doing it.
  const int64_t rows = std::max<int64_t>(1, 1024 / parts.width);
  const int64_t per_group = (parts.rows + rows - 1) / rows;
  phases.push_back({parts.groups * per_group, static_cast<double>(parts.Floats()) * 0.15,
                    [parts, out, rows, per_group](const Scratch& scratch, int64_t unit) {
                      const int64_t group = unit / per_group, first = unit % per_group * rows;
                      for (int64_t row = first; row < std::min(first + rows, parts.rows); row++)
                        HWY_DYNAMIC_DISPATCH(SumRow)
                      (parts.At(scratch.shared, group * parts.count, row), parts.count, parts.rows * parts.width,
                       parts.width, out.At(group, row), out.steps[2], out.dtype);
                    }});
}

void SumBySlot(std::vector<Phase>& phases, const Parts& parts, const Sequences& sequences, const View<3>& out) {
  phases.push_back({sequences.slots, static_cast<double>(parts.Floats() + sequences.slots * parts.rows * parts.width) * 0.15,
                    [parts, sequences, out](const Scratch& scratch, int64_t slot) {
                      for (int64_t row = 0; row < parts.rows; row++)
                        HWY_DYNAMIC_DISPATCH(SumSlotRow)
                      (parts.At(scratch.shared, 0, row), sequences, slot, parts.rows * parts.width, parts.width,
                       out.At(slot, row), out.steps[2], out.dtype);
                    }});
}

}  // namespace ss
#endif
