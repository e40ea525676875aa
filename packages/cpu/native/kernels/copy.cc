// A view's elements under another layout and dtype.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/copy.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

#include "axes.h"
#include "cast-inl.h"

#ifndef SS_COPY_
#define SS_COPY_
namespace ss {

/**
 * Elements along y's and x's dense axis of the tiles that a copy between transposed layouts goes by: of f32 half an L1
 * cache, and as long along y as that allows, since writing costs more for each page begun.
 */
inline constexpr int64_t kTileRows = 128, kTileColumns = 64;

/** A tile: `rows` lines along which y is dense, `columns` along which x is; steps in bytes. */
struct Tile {
  const char* x;
  int64_t x_row, x_column;
  char* y;
  int64_t y_row, y_column;
  int64_t rows, columns;
};

}  // namespace ss
#endif

HWY_BEFORE_NAMESPACE();
namespace ss {
namespace HWY_NAMESPACE {

void CopyRow(const char* from, int64_t from_step, DType from_dtype, size_t count, char* to, int64_t to_step,
             DType to_dtype) {
  CastRow(from, from_step, from_dtype, count, to, to_step, to_dtype);
}

/** Each line of memory is touched once on either side; elements change places in the L1 cache. */
void CopyTile(const Tile& tile, DType x_dtype, DType y_dtype) {
  const size_t bytes = BytesOf(x_dtype);
  HWY_ALIGN char staged[kTileRows * kTileColumns * sizeof(uint64_t)];
  const int64_t step = static_cast<int64_t>(bytes), line = kTileColumns * step;
  const size_t rows = static_cast<size_t>(tile.rows), columns = static_cast<size_t>(tile.columns);
  for (int64_t r = 0; r < tile.rows; r++)
    MoveRow(tile.x + r * tile.x_row, tile.x_column, columns, staged + r * line, step, bytes);
  for (int64_t c = 0; c < tile.columns; c++)
    CastRow(staged + c * step, line, x_dtype, rows, tile.y + c * tile.y_column, tile.y_row, y_dtype);
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace ss
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <memory>

#include "../ops.h"

namespace ss {
namespace {

HWY_EXPORT(CopyRow);
HWY_EXPORT(CopyTile);

enum CopyArg { kX, kTo, kY };

const Arg& Target(const Call& call) { return call[kTo] ? call[kTo] : call[kY]; }

Assessment AssessCopy(const Call& call) {
  Assessment assessment;
  assessment.bitwise = true;
  assessment.bytes =
      static_cast<double>(call.Size(0)) * static_cast<double>(BytesOf(call[kX].dtype) + BytesOf(Target(call).dtype));
  return assessment;
}

/** Copies x to y, which share no byte. */
Phase CopyApart(const Arg& x, const Arg& y) {
  CommonAxes<2> axes({&x, &y});
  const DType from = x.dtype, to = y.dtype;
  const char* x_data = x.data;
  char* y_data = y.data;
  const double elements = static_cast<double>(axes.Elements());
  // Whatever order: y is written along its densest axis, last, and read along x's, before it.
  axes.Swap(axes.Closest(1), axes.rank - 1);
  const int last = axes.rank - 1, closest = axes.Closest(0);
  if (closest == last || std::abs(axes.steps[0][last]) <= 16 || axes.extents[closest] < 4) {
    const Pieces<2> pieces(axes);
    const bool moves = from == to && pieces.Step(0) == pieces.Step(1);
    return {pieces.Units(), (moves ? 0.1 : 0.5) * elements, [=](const Scratch&, int64_t unit) {
              const auto copy_row = HWY_DYNAMIC_DISPATCH(CopyRow);
              for (Pieces<2>::Cursor at(pieces, unit); at.Next();) {
                copy_row(x_data + at.offsets[0], pieces.Step(0), from, at.elements, y_data + at.offsets[1],
                         pieces.Step(1), to);
              }
            }};
  }
  axes.Swap(closest, last - 1);
  const int row = last, column = last - 1;
  const int64_t down = (axes.extents[row] + kTileRows - 1) / kTileRows;
  const int64_t across = (axes.extents[column] + kTileColumns - 1) / kTileColumns;
  int64_t planes = 1;
  for (int axis = 0; axis < column; axis++) planes *= axes.extents[axis];
  return {planes * across * down, elements, [=](const Scratch&, int64_t unit) {
            const int64_t r = unit % down * kTileRows, c = unit / down % across * kTileColumns;
            Tile tile = {x_data + r * axes.steps[0][row] + c * axes.steps[0][column],
                         axes.steps[0][row],
                         axes.steps[0][column],
                         y_data + r * axes.steps[1][row] + c * axes.steps[1][column],
                         axes.steps[1][row],
                         axes.steps[1][column],
                         std::min(kTileRows, axes.extents[row] - r),
                         std::min(kTileColumns, axes.extents[column] - c)};
            int64_t plane = unit / down / across;
            for (int axis = column - 1; axis >= 0; axis--) {
              const int64_t index = plane % axes.extents[axis];
              plane /= axes.extents[axis];
              tile.x += index * axes.steps[0][axis];
              tile.y += index * axes.steps[1][axis];
            }
            HWY_DYNAMIC_DISPATCH(CopyTile)(tile, from, to);
          }};
}

struct Span {
  const char* begin;
  const char* end;
};

Span SpanOf(const Arg& view) {
  Span span = {view.data, view.data + BytesOf(view.dtype)};
  for (int axis = 0; axis < view.rank; axis++) {
    const int64_t reach = (view.shape[axis] - 1) * view.Step(axis);
    (reach < 0 ? span.begin : span.end) += reach;
  }
  return span;
}

std::vector<Phase> PlanCopy(const Call& call) {
  const Arg& x = call[kX];
  const Arg& y = Target(call);
  if (call.Size(0) == 0) return {};
  const Span from = SpanOf(x), to = SpanOf(y);
  if (from.end <= to.begin || to.end <= from.begin) return {CopyApart(x, y)};
  // Two views of one state: nothing may be written before all is read.
  Arg staged = x;
  int64_t step = 1;
  for (int axis = x.rank - 1; axis >= 0; axis--) {
    staged.strides[axis] = step;
    step *= x.shape[axis];
  }
  const std::shared_ptr<char[]> memory(new char[static_cast<size_t>(step) * BytesOf(x.dtype)]);
  staged.data = memory.get();
  Phase out = CopyApart(staged, y);
  out.run = [memory, run = std::move(out.run)](const Scratch& scratch, int64_t unit) { run(scratch, unit); };
  return {CopyApart(x, staged), std::move(out)};
}

}  // namespace

Op Copy() { return {"copy", {"x", "to"}, {"y"}, {"dtype"}, {"E"}, AssessCopy, PlanCopy}; }

}  // namespace ss
#endif
