// Tiles of a matrix product over panels of weights, once for each instruction set.
#if defined(SS_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SS_TILE_INL_H_
#undef SS_TILE_INL_H_
#else
#define SS_TILE_INL_H_
#endif

#include "../linear.h"
#include "floats-inl.h"
#include "hwy/cache_control.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace ss {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Panel = hn::CappedTag<float, kPanel>;
/** Vectors of a panel. */
inline constexpr int kVectors = static_cast<int>(kPanel) / static_cast<int>(hn::MaxLanes(Panel()));

/** Accumulators that leave registers for a step of weights and an element of x. */
#if HWY_TARGET <= HWY_AVX3 || HWY_ARCH_ARM_A64
inline constexpr int kAccumulators = 24;
#else
inline constexpr int kAccumulators = 12;
#endif

/** Panels side by side in one unit's walk over the rows. */
inline constexpr int kTilePanels = 4;
/** Rows of a full tile. */
inline constexpr int kTileRows = kAccumulators / kVectors < 6 ? kAccumulators / kVectors : 6;
/** Rows whose product with one or two panels still fits the registers. */
inline constexpr int kMostRows = kAccumulators / kVectors > 12 ? 12 : kAccumulators / kVectors;

/** How many panels at a time a tile of so many rows takes. */
constexpr int PanelsAt(int rows) {
  const int panels = kAccumulators / (rows * kVectors);
  return panels > kTilePanels ? kTilePanels : panels < 1 ? 1 : panels;
}

/** How far ahead of their use weights are fetched, in bytes of each stream. */
inline constexpr int64_t kAhead = 2048;

/** A vector of weights as f32; i8 ones still without their scale. */
template <Format format, class D, class V = hn::Vec<D>>
HWY_INLINE V LoadWeights(D d, const char* from) {
  if constexpr (format == Format::f32) {
    return hn::LoadU(d, reinterpret_cast<const float*>(from));
  } else if constexpr (format == Format::f16) {
    return LoadF16(d, reinterpret_cast<const uint16_t*>(from));
  } else if constexpr (format == Format::bf16) {
    return LoadBF16(d, reinterpret_cast<const uint16_t*>(from));
  } else {
    const hn::Rebind<int8_t, D> d8;
    const hn::Rebind<int32_t, D> d32;
    return hn::ConvertTo(d, hn::PromoteTo(d32, hn::LoadU(d8, reinterpret_cast<const int8_t*>(from))));
  }
}

/** One tile: `rows` of x times the panels at `weights`, over `count` of k. */
struct TileArgs {
  const float* x;
  /** floats from row to row */
  int64_t x_step;
  const char* weights;
  /** bytes from panel to panel */
  int64_t panel_step;
  int64_t count;
  /** (rows, panels, 16), kept from a block of k to the next; floats from row to row */
  float* sums;
  int64_t sums_step;
  /** begin with zeros instead of `sums` */
  bool first;
};

/**
 * Every output is one chain of multiply-adds over k, whatever the shape of the tile: the bits of a row do not
 * depend on how many rows there are.
 */
template <Format format, int ROWS, int PANELS>
void MultiplyTile(const TileArgs& a) {
  const Panel d;
  using V = hn::Vec<Panel>;
  constexpr int kLanes = static_cast<int>(hn::MaxLanes(Panel()));
  constexpr int kAcross = PANELS * kVectors;
  constexpr int64_t kStep = PackedBytes(format);
  V sums[ROWS][kAcross];
#pragma GCC unroll 12
  for (int r = 0; r < ROWS; r++)
#pragma GCC unroll 16
    for (int v = 0; v < kAcross; v++)
      sums[r][v] = a.first ? hn::Zero(d) : hn::LoadU(d, a.sums + r * a.sums_step + v * kLanes);

  const float* x = a.x;
  const char* weights = a.weights;
  float* const to = a.sums;
  const int64_t x_step = a.x_step, panel_step = a.panel_step, to_step = a.sums_step;
  for (int64_t k = 0; k < a.count; k++, x++, weights += kPanel * kStep) {
#pragma GCC unroll 4
    for (int p = 0; p < PANELS; p++) hwy::Prefetch(weights + p * panel_step + kAhead);
    // Whichever is less stays in registers: a step of weights, or the rows' elements of x.
    if constexpr (kAcross <= ROWS) {
      V w[kAcross];
#pragma GCC unroll 16
      for (int v = 0; v < kAcross; v++)
        w[v] = LoadWeights<format>(d, weights + v / kVectors * panel_step + v % kVectors * kLanes * kStep);
#pragma GCC unroll 12
      for (int r = 0; r < ROWS; r++) {
        const V value = hn::Set(d, x[r * x_step]);
#pragma GCC unroll 16
        for (int v = 0; v < kAcross; v++) sums[r][v] = hn::MulAdd(value, w[v], sums[r][v]);
      }
    } else {
      V values[ROWS];
#pragma GCC unroll 12
      for (int r = 0; r < ROWS; r++) values[r] = hn::Set(d, x[r * x_step]);
#pragma GCC unroll 16
      for (int v = 0; v < kAcross; v++) {
        const V w = LoadWeights<format>(d, weights + v / kVectors * panel_step + v % kVectors * kLanes * kStep);
#pragma GCC unroll 12
        for (int r = 0; r < ROWS; r++) sums[r][v] = hn::MulAdd(values[r], w, sums[r][v]);
      }
    }
  }

#pragma GCC unroll 12
  for (int r = 0; r < ROWS; r++)
#pragma GCC unroll 16
    for (int v = 0; v < kAcross; v++) hn::StoreU(sums[r][v], d, to + r * to_step + v * kLanes);
}

using TileFunction = void (*)(const TileArgs&);

template <Format format, int ROWS>
TileFunction TileOfPanels(int panels) {
  constexpr int kMost = PanelsAt(ROWS);
  if constexpr (kMost >= 4)
    if (panels == 4) return &MultiplyTile<format, ROWS, 4>;
  if constexpr (kMost >= 3)
    if (panels == 3) return &MultiplyTile<format, ROWS, 3>;
  if constexpr (kMost >= 2)
    if (panels == 2) return &MultiplyTile<format, ROWS, 2>;
  return &MultiplyTile<format, ROWS, 1>;
}

/** @param rows at most kMostRows @param panels at most PanelsAt(rows) */
template <Format format, int ROWS = kMostRows>
TileFunction TileOf(int rows, int panels) {
  if (rows == ROWS) return TileOfPanels<format, ROWS>(panels);
  if constexpr (ROWS > 1) return TileOf<format, ROWS - 1>(rows, panels);
  return nullptr;
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace ss
HWY_AFTER_NAMESPACE();

#endif
