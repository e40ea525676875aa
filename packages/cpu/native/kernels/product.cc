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

  Own(char* own, int64_t rows) {
    bias = reinterpret_cast<float*>(own);
    residual = bias + kGroup;
    room = residual + kGroup;
    sums = room + kBlockRoom;
    wide = sums + rows * kGroup;
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

/** Scales, bias, residual and the way home for a tile of sums (rows, width). */
void Finish(const Product& product, const Own& own, const float* bias, float* sums, int64_t row, int64_t rows,
            int64_t m, int64_t width) {
  const Panel d;
  constexpr int64_t kLanes = static_cast<int64_t>(hn::MaxLanes(Panel()));
  const int64_t count = std::min(width, product.M - m);
  const Matrix& residual = product.residual;
  const Matrix& y = product.y;
  const float* scales = product.format == Format::i8 ? ScalesOf(product.packed, product.M, product.K) + m : nullptr;
  const bool direct = y.dtype == DType::f32 && y.HasRows() && count == width;
  const bool direct_residual = residual && residual.dtype == DType::f32 && residual.HasRows() && count == width;
  for (int64_t r = 0; r < rows; r++, sums += width) {
    const float* beside = nullptr;
    if (residual) {
      const char* from = residual.At(row + r, m);
      if (direct_residual) {
        beside = reinterpret_cast<const float*>(from);
      } else {
        LoadRow(from, residual.columns.step(), residual.dtype, static_cast<size_t>(count), own.residual);
        beside = own.residual;
      }
    }
    char* home = y.At(row + r, m);
    float* to = direct ? reinterpret_cast<float*>(home) : sums;
    for (int64_t i = 0; i < width; i += kLanes) {
      auto value = hn::LoadU(d, sums + i);
      if (scales) value = hn::Mul(value, hn::LoadU(d, scales + i));
      if (bias) value = hn::Add(value, hn::LoadU(d, bias + i));
      if (beside) value = hn::Add(value, hn::LoadU(d, beside + i));
      hn::StoreU(value, d, to + i);
    }
    if (!direct) StoreRow(sums, static_cast<size_t>(count), home, y.columns.step(), y.dtype);
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
};

void RunProduct(const Product& product, const ProductCut& cut, const Scratch& scratch,
                int64_t unit) {
  const Own own(scratch.own, cut.row_block);
  const int64_t row = unit / cut.panel_blocks * cut.row_block;
  const int64_t rows = std::min(cut.row_block, product.R - row);
  const int64_t first = unit % cut.panel_blocks * cut.panels;
  const int64_t end = std::min(first + cut.panels, PanelsOf(product.M));

  const float* x;
  int64_t x_step;
  if (cut.plain_x) {
    x = reinterpret_cast<const float*>(scratch.shared) + row * product.K;
    x_step = product.K;
  } else {
    x = reinterpret_cast<const float*>(product.x.At(row, 0));
    x_step = product.x.rows.step() / static_cast<int64_t>(sizeof(float));
  }

  const bool few = rows <= kMostRows;
  const bool in_place = product.format == Format::f32 || (few && product.format != Format::strided);
  const Format format = in_place ? product.format : Format::f32;
  const int64_t bytes = PackedBytes(format) * kPanel;
  const int64_t depth = few && in_place ? product.K : cut.depth;
  const Tiles tiles(rows, few ? rows : kTileRows);
  const int64_t group = few && in_place ? PanelsAt(static_cast<int>(rows)) : kTilePanels;
  const int64_t across = PanelsAt(static_cast<int>(tiles.height + (tiles.taller > 0)));

  for (int64_t panel = first; panel < end; panel += group) {
    const int64_t panels = std::min(group, end - panel);
    const float* bias = nullptr;
    if (product.bias) {
      const int64_t m = panel * kPanel;
      const int64_t count = std::min(panels * kPanel, product.M - m);
      LoadRow(product.bias.At(0, m), product.bias.columns.step(), product.bias.dtype, static_cast<size_t>(count),
              own.bias);
      bias = own.bias;
    }
    for (int64_t k = 0; k < product.K; k += depth) {
      const int64_t count = std::min(depth, product.K - k);
      const bool last = k + count == product.K;
      if (!in_place) MakeWide(product, panel, panels, k, count, own);
      for (int64_t p = 0; p < panels; p += across) {
        const int64_t wide = std::min(across, panels - p);
        float* sums = own.sums + p * kPanel * rows;
        TileArgs a;
        a.x_step = x_step;
        a.panel_step = bytes * (in_place ? product.K : count);
        a.weights = in_place ? product.packed + (panel + p) * a.panel_step + k * bytes
                             : reinterpret_cast<const char*>(own.wide) + p * a.panel_step;
        a.count = count;
        a.first = k == 0;
        TileFunction multiply = nullptr;
        int64_t height = 0;
        for (int64_t tile = 0, r = 0; tile < tiles.count; tile++, r += height) {
          const int64_t now = tiles.height + (tile < tiles.taller);
          if (now != height) {
            height = now;
            multiply = TileOfFormat(format, static_cast<int>(height), static_cast<int>(wide));
          }
          a.x = x + r * x_step + k;
          a.sums = sums + r * wide * kPanel;
          multiply(a);
          if (last)
            Finish(product, own, bias ? bias + p * kPanel : nullptr, a.sums, row + r, height, (panel + p) * kPanel,
                   wide * kPanel);
        }
      }
    }
  }
}

/** A block of x as f32 rows of K. */
void RunPlain(const Product& product, const Scratch& scratch, int64_t unit) {
  const int64_t across = (product.K + kPlainColumns - 1) / kPlainColumns;
  const int64_t row = unit / across * kPlainRows;
  const int64_t k = unit % across * kPlainColumns;
  float* to = reinterpret_cast<float*>(scratch.shared) + row * product.K + k;
  LoadBlock(product.x, row, std::min(kPlainRows, product.R - row), k, std::min(kPlainColumns, product.K - k), to,
            product.K, Own(scratch.own, 0).room);
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
  panels = kGroup / kPanel;
  if (R <= 2 * kRowUnit) panels = std::clamp<int64_t>(all / kFewestUnits / panels * panels, panels, 4 * panels);
  panel_blocks = Ceil(all, panels);
  row_blocks = Ceil(R, std::clamp<int64_t>(kRowFloats / product.K, 16 * kRowUnit, 128 * kRowUnit));
  while (row_blocks * panel_blocks < kFewestUnits && R / row_blocks >= 32 * kRowUnit) row_blocks *= 2;
  row_block = Ceil(Ceil(R, row_blocks), kRowUnit) * kRowUnit;
  row_blocks = Ceil(R, row_block);
  depth = Ceil(product.K, Ceil(product.K, kDepth));
}

size_t ProductCut::SharedScratch(const Product& product) const {
  return plain_x ? static_cast<size_t>(product.R * product.K) * sizeof(float) : 0;
}

size_t ProductCut::OwnScratch() const {
  return static_cast<size_t>(2 * kGroup + kBlockRoom + (row_block + depth) * kGroup) * sizeof(float);
}

void PlanProduct(const Product& given, std::vector<Phase>& phases) {
  const auto product = std::make_shared<const Product>(given);
  const ProductCut cut(given);
  const double elements = static_cast<double>(given.R * given.K);
  if (cut.plain_x) {
    phases.push_back({Ceil(given.R, kPlainRows) * Ceil(given.K, kPlainColumns), elements / 2,
                      [product](const Scratch& scratch, int64_t unit) {
                        HWY_DYNAMIC_DISPATCH(RunPlain)(*product, scratch, unit);
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
