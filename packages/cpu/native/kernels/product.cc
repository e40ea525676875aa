#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/product.cc"
#include "hwy/foreach_target.h"
//
#include <algorithm>
#include <memory>

#include "../product.h"
#include "block-inl.h"
#include "hwy/highway.h"
#include "tile-inl.h"

/*
 * Many rows: the weights of 64 outputs, made f32 where they are not, stay in the second-level cache while the rows of
 * a block pass by in tiles of 6, whose accumulators fill the registers. Few rows: all of them at once in one pass
 * over the weights, which arrive from memory in the form they are stored in.
 */

#ifndef SS_PRODUCT_ONCE_
#define SS_PRODUCT_ONCE_
namespace ss {

/** Outputs whose weights are at hand at once. */
inline constexpr int64_t kGroup = 64;
/** Steps of k at hand: with 64 outputs 384 KiB, which leaves room for x in a second-level cache of 1 MiB. */
inline constexpr int64_t kDepth = 1536;
/** Panels of the largest unit. */
inline constexpr int64_t kMostPanels = 64;
/** Rows of the tallest tile of any instruction set. */
inline constexpr int64_t kMostRowsOfTile = 12;
/** Columns and rows of x that one unit makes plain. */
inline constexpr int64_t kPlainRows = 64, kPlainColumns = 256;

}  // namespace ss
#endif

HWY_BEFORE_NAMESPACE();
namespace ss {
namespace HWY_NAMESPACE {

/** Own scratch, in floats. */
struct Own {
  float* bias;
  float* residual;
  float* room;
  float* sums;
  float* wide;

  Own(char* own, const ProductCut& cut) {
    bias = reinterpret_cast<float*>(own);
    residual = bias + kMostPanels * kPanel;
    room = residual + kGroup;
    sums = room + kBlockRoom;
    wide = sums + cut.kept_rows * kGroup;
  }
};

template <Format format>
void WidenPanels(const char* from, int64_t panel_step, int64_t panels, int64_t count, float* HWY_RESTRICT to) {
  const Panel d;
  constexpr int64_t kLanes = static_cast<int64_t>(hn::MaxLanes(Panel()));
  for (int64_t p = 0; p < panels; p++, from += panel_step)
    for (int64_t i = 0; i < count * kPanel; i += kLanes, to += kLanes)
      hn::StoreU(LoadWeights<format>(d, from + i * PackedBytes(format)), d, to);
}

/** Weights [k, k + count) of panels [first, first + panels) as f32 panels of `count` steps. */
void MakeWide(const Product& product, int64_t first, int64_t panels, int64_t k, int64_t count, const Own& own) {
  if (product.format == Format::strided) {
    const Matrix across = product.weight.Transposed();
    for (int64_t p = 0; p < panels; p++) {
      const int64_t m = (first + p) * kPanel;
      const int64_t outputs = std::min(kPanel, product.M - m);
      float* to = own.wide + p * count * kPanel;
      if (outputs < kPanel) std::fill_n(to, count * kPanel, 0.0f);
      LoadBlock(across, k, count, m, outputs, to, kPanel, own.room);
    }
    return;
  }
  const int64_t bytes = PackedBytes(product.format) * kPanel;
  const int64_t panel_step = bytes * product.K;
  const char* from = product.packed + first * panel_step + k * bytes;
  switch (product.format) {
    case Format::f16: return WidenPanels<Format::f16>(from, panel_step, panels, count, own.wide);
    case Format::bf16: return WidenPanels<Format::bf16>(from, panel_step, panels, count, own.wide);
    default: return WidenPanels<Format::i8>(from, panel_step, panels, count, own.wide);
  }
}

/** What a unit has at hand: rows [row, row + rows) and panels [first, end). */
struct Part {
  const Product& product;
  const Own& own;
  const float* x;
  int64_t x_step;
  int64_t row;
  int64_t rows;
  int64_t first;
  int64_t end;
};

/** Sums (rows, width) with `step` floats from row to row, of outputs from `m` on. */
struct Sums {
  float* data;
  int64_t step;
  int64_t row;
  int64_t rows;
  int64_t m;
  int64_t width;
};

/** Scales, bias, residual and the way home. */
void Finish(const Part& part, const Sums& sums) {
  const Panel d;
  constexpr int64_t kLanes = static_cast<int64_t>(hn::MaxLanes(Panel()));
  const Product& product = part.product;
  const Matrix& residual = product.residual;
  const Matrix& y = product.y;
  const int64_t count = std::min(sums.width, product.M - sums.m);
  const bool whole = count == sums.width;
  const bool direct = whole && y.dtype == DType::f32 && y.HasRows();
  const bool direct_residual = whole && residual && residual.dtype == DType::f32 && residual.HasRows();
  const float* scales =
      product.format == Format::i8 ? ScalesOf(product.packed, product.M, product.K) + sums.m : nullptr;
  const float* bias = product.bias ? part.own.bias + (sums.m - part.first * kPanel) : nullptr;
  for (int64_t r = 0; r < sums.rows; r++) {
    float* from = sums.data + r * sums.step;
    const float* beside = nullptr;
    if (residual) {
      const char* given = residual.At(sums.row + r, sums.m);
      if (direct_residual) {
        beside = reinterpret_cast<const float*>(given);
      } else {
        LoadRow(given, residual.columns.step(), residual.dtype, static_cast<size_t>(count), part.own.residual);
        beside = part.own.residual;
      }
    }
    char* home = y.At(sums.row + r, sums.m);
    float* to = direct ? reinterpret_cast<float*>(home) : from;
    for (int64_t i = 0; i < sums.width; i += kLanes) {
      auto value = hn::LoadU(d, from + i);
      if (scales) value = hn::Mul(value, hn::LoadU(d, scales + i));
      if (bias) value = hn::Add(value, hn::LoadU(d, bias + i));
      if (beside) value = hn::Add(value, hn::LoadU(d, beside + i));
      hn::StoreU(value, d, to + i);
    }
    if (!direct) StoreRow(from, static_cast<size_t>(count), home, y.columns.step(), y.dtype);
  }
}

TileFunction TileOfFormat(Format format, int rows, int panels) {
  switch (format) {
    case Format::f16: return TileOf<Format::f16>(rows, panels);
    case Format::bf16: return TileOf<Format::bf16>(rows, panels);
    case Format::i8: return TileOf<Format::i8>(rows, panels);
    default: return TileOf<Format::f32>(rows, panels);
  }
}

/** The rows of a unit in tiles of almost equal height. */
struct Tiles {
  int64_t count;
  int64_t height;
  int64_t taller;

  Tiles(int64_t rows, int64_t most) {
    count = (rows + most - 1) / most;
    height = rows / count;
    taller = rows % count;
  }
  int64_t Height(int64_t tile) const { return height + (tile < taller); }
};

/** Weights as they are stored, straight into registers, for all rows at once or nearly so. */
void StreamPanels(const Part& part) {
  const Product& product = part.product;
  const Tiles tiles(part.rows, kMostRows);
  const int64_t group = PanelsAt(static_cast<int>(tiles.Height(0)));
  // Each of the streams runs through its share of the panels without a break: what prefetching likes best.
  const int64_t panels = part.end - part.first;
  const int64_t share = (panels + group - 1) / group;
  TileArgs a;
  a.x_step = part.x_step;
  a.panel_step = share * product.K * kPanel * PackedBytes(product.format);
  a.count = product.K;
  a.sums = part.own.sums;
  a.first = true;
  for (int64_t i = 0; i < share; i++) {
    const int64_t streams = (panels - i + share - 1) / share;
    a.weights = product.packed + (part.first + i) * (a.panel_step / share);
    a.sums_step = streams * kPanel;
    for (int64_t tile = 0, r = 0, height = 0; tile < tiles.count; tile++, r += height) {
      height = tiles.Height(tile);
      a.x = part.x + r * part.x_step;
      TileOfFormat(product.format, static_cast<int>(height), static_cast<int>(streams))(a);
      for (int64_t j = 0; j < streams; j++) {
        const int64_t m = (part.first + i + j * share) * kPanel;
        Finish(part, {a.sums + j * kPanel, a.sums_step, part.row + r, height, m, kPanel});
      }
    }
  }
}

/** A group of panels as f32 stays at hand while the rows pass by in tiles. */
void PassRows(const Part& part, const ProductCut& cut) {
  const Product& product = part.product;
  const Own& own = part.own;
  const Tiles tiles(part.rows, kTileRows);
  const int64_t across = PanelsAt(static_cast<int>(tiles.Height(0)));
  const bool in_place = product.format == Format::f32;
  // What is nothing but the sums is added up where it belongs.
  const bool bare = product.y.Plain() && !product.bias && !product.residual && product.format != Format::i8;
  const int64_t y_step = product.y.rows.step() / static_cast<int64_t>(sizeof(float));
  for (int64_t panel = part.first; panel < part.end; panel += kTilePanels) {
    const int64_t panels = std::min<int64_t>(kTilePanels, part.end - panel);
    for (int64_t k = 0; k < product.K; k += cut.depth) {
      const int64_t count = std::min(cut.depth, product.K - k);
      const float* weights = own.wide;
      int64_t panel_step = count * kPanel;
      if (in_place) {
        panel_step = product.K * kPanel;
        weights = reinterpret_cast<const float*>(product.packed) + panel * panel_step + k * kPanel;
      } else {
        MakeWide(product, panel, panels, k, count, own);
      }
      for (int64_t p = 0; p < panels; p += across) {
        const int64_t wide = std::min(across, panels - p);
        TileArgs a;
        a.x_step = part.x_step;
        a.weights = reinterpret_cast<const char*>(weights + p * panel_step);
        a.panel_step = panel_step * static_cast<int64_t>(sizeof(float));
        a.count = count;
        a.first = k == 0;
        const int64_t m = (panel + p) * kPanel;
        const bool home = bare && m + wide * kPanel <= product.M;
        a.sums_step = home ? y_step : wide * kPanel;
        const TileFunction taller = TileOf<Format::f32>(static_cast<int>(tiles.Height(0)), static_cast<int>(wide));
        const TileFunction other = TileOf<Format::f32>(static_cast<int>(tiles.height), static_cast<int>(wide));
        for (int64_t tile = 0, r = 0; tile < tiles.count; r += tiles.Height(tile++)) {
          a.x = part.x + r * part.x_step + k;
          if (home) {
            a.sums = reinterpret_cast<float*>(product.y.At(part.row + r, m));
          } else {
            // Sums that have to wait for the next block of k are kept for every row.
            a.sums = own.sums + (count == product.K ? 0 : (p * part.rows + r * wide) * kPanel);
          }
          (tile < tiles.taller ? taller : other)(a);
          if (!home && k + count == product.K)
            Finish(part, {a.sums, a.sums_step, part.row + r, tiles.Height(tile), m, wide * kPanel});
        }
      }
    }
  }
}

void RunProduct(const Product& product, const ProductCut& cut, const Scratch& scratch, int64_t unit) {
  const Own own(scratch.own, cut);
  const int64_t row = unit / cut.panel_blocks * cut.row_block;
  const int64_t first = unit % cut.panel_blocks * cut.panels;
  const bool plain = !cut.plain_x;
  const Part part = {
      .product = product,
      .own = own,
      .x = plain ? reinterpret_cast<const float*>(product.x.At(row, 0))
                 : reinterpret_cast<const float*>(scratch.shared) + row * product.K,
      .x_step = plain ? product.x.rows.step() / static_cast<int64_t>(sizeof(float)) : product.K,
      .row = row,
      .rows = std::min(cut.row_block, product.R - row),
      .first = first,
      .end = std::min(first + cut.panels, PanelsOf(product.M)),
  };
  if (product.bias) {
    const int64_t m = first * kPanel;
    const int64_t count = std::min(part.end * kPanel, product.M) - m;
    LoadRow(product.bias.At(0, m), product.bias.columns.step(), product.bias.dtype, static_cast<size_t>(count),
            own.bias);
  }
  // Making narrow weights f32 pays from some rows on.
  const int64_t streamed = product.format == Format::strided ? 0 : product.format == Format::f32 ? 1 : 3;
  if (part.rows <= streamed * kMostRows) {
    StreamPanels(part);
  } else {
    PassRows(part, cut);
  }
}

/** A block of x as f32 rows of K. */
void RunPlain(const Product& product, const ProductCut& cut, const Scratch& scratch, int64_t unit) {
  const int64_t across = (product.K + kPlainColumns - 1) / kPlainColumns;
  const int64_t row = unit / across * kPlainRows;
  const int64_t k = unit % across * kPlainColumns;
  float* to = reinterpret_cast<float*>(scratch.shared) + row * product.K + k;
  LoadBlock(product.x, row, std::min(kPlainRows, product.R - row), k, std::min(kPlainColumns, product.K - k), to,
            product.K, Own(scratch.own, cut).room);
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace ss
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ss {

HWY_EXPORT(RunProduct);
HWY_EXPORT(RunPlain);

namespace {

/** Multiples of every instruction set's tile. */
constexpr int64_t kRowUnit = 6;
/** Rows up to which every instruction set streams narrow weights. */
constexpr int64_t kAlwaysStreamed = 9;
/** Rows up to which units are cut for streams of weights. */
constexpr int64_t kFewRows = 3 * kMostRowsOfTile;
/** Floats of x that are at hand while the weights of 64 outputs pass by. */
constexpr int64_t kRowFloats = 768 * 1024;
/** Units that keep several threads busy to the end. */
constexpr int64_t kFewestUnits = 16;

constexpr int64_t Ceil(int64_t a, int64_t b) { return (a + b - 1) / b; }

}  // namespace

ProductCut::ProductCut(const Product& product) {
  const int64_t all = PanelsOf(product.M);
  const int64_t R = product.R;
  plain_x = !product.x.Plain();
  // Streams of weights want to be long, but not so long that a thread has none.
  const int64_t group = kGroup / kPanel;
  panels = R > kFewRows ? group : std::clamp<int64_t>(all / kFewestUnits / group * group, group, kMostPanels);
  panels = Ceil(all, Ceil(all, panels));
  panel_blocks = Ceil(all, panels);
  row_blocks = Ceil(R, std::clamp<int64_t>(kRowFloats / product.K, 16 * kRowUnit, 128 * kRowUnit));
  while (row_blocks * panel_blocks < kFewestUnits && R / row_blocks >= 32 * kRowUnit) row_blocks *= 2;
  row_block = Ceil(Ceil(R, row_blocks), kRowUnit) * kRowUnit;
  row_blocks = Ceil(R, row_block);
  depth = Ceil(product.K, Ceil(product.K, kDepth));
  kept_rows = depth == product.K ? kMostRowsOfTile : row_block;
  wide = product.format == Format::strided || (product.format != Format::f32 && R > kAlwaysStreamed);
}

size_t ProductCut::SharedScratch(const Product& product) const {
  return plain_x ? static_cast<size_t>(product.R * product.K) * sizeof(float) : 0;
}

size_t ProductCut::OwnScratch() const {
  return static_cast<size_t>(kMostPanels * kPanel + kGroup + kBlockRoom + (kept_rows + (wide ? depth : 0)) * kGroup) * sizeof(float);
}

void PlanProduct(const Product& given, std::vector<Phase>& phases) {
  const auto product = std::make_shared<const Product>(given);
  const ProductCut cut(given);
  const double elements = static_cast<double>(given.R * given.K);
  if (cut.plain_x) {
    phases.push_back({Ceil(given.R, kPlainRows) * Ceil(given.K, kPlainColumns), elements / 2,
                      [product, cut](const Scratch& scratch, int64_t unit) {
                        HWY_DYNAMIC_DISPATCH(RunPlain)(*product, cut, scratch, unit);
                      }});
  }
  const double weights = static_cast<double>(given.K * given.M);
  phases.push_back({cut.row_blocks * cut.panel_blocks, std::max(weights * static_cast<double>(given.R) / 50, weights / 5),
                    [product, cut](const Scratch& scratch, int64_t unit) {
                      HWY_DYNAMIC_DISPATCH(RunProduct)(*product, cut, scratch, unit);
                    }});
}

}  // namespace ss
#endif
