#pragma once

#include <cstdint>
#include <vector>

#include "../op.h"
#include "sequences.h"
#include "view.h"

namespace ss {

/** Channels of one unit of work: eight cache lines a row, so that rows stream and their pages are few. */
inline constexpr int64_t kScanSpan = 128;
/**
 * Time steps worked on together. Rows of many models lie a multiple of 2 KB apart, hence in few sets of the first
 * cache: twice as many steps were a quarter slower.
 */
inline constexpr int64_t kScanTile = 16;

/**
 * A scan as its kernel sees it: H heads of P channels with N states. Sequence views are (B, T, H, P), a varying
 * projection (B, T, G, N) with a group for `heads_per_group` heads, a constant one (H, P, N).
 */
struct ScanTask {
  Sequences sequences;
  int64_t H = 1, P = 1, N = 1, heads_per_group = 1;
  bool softplus = false, reverse = false;
  View<4> u, delta, z, y;
  View<3> A;
  bool B_varies = true, C_varies = true;
  View<4> B, C;
  View<3> constant_B, constant_C;
  /** (H, P) */
  View<2> D, bias;
  /** (S, H, P, N); `after` has a row for each slot when in place, else for each sequence */
  View<4> before, after;
};

size_t ScanScratch(int64_t N);
/** The phases after the sequences have been checked. */
void AddScan(std::vector<Phase>& phases, const ScanTask& task);

}  // namespace ss
