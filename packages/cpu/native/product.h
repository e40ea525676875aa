#pragma once

#include <cstdint>
#include <vector>

#include "linear.h"
#include "matrix.h"
#include "op.h"

namespace ss {

/** y (R, M) = x (R, K) weight (M, K)^T + bias + residual. */
struct Product {
  int64_t R = 0;
  int64_t K = 0;
  int64_t M = 0;
  Matrix x;
  /** Of a packed weight the format and its panels; otherwise the weight as a matrix. */
  Format format = Format::strided;
  char* packed = nullptr;
  Matrix weight;
  /** (1, M) */
  Matrix bias;
  Matrix residual;
  Matrix y;
};

/** How a product is cut into units; a function of sizes and formats alone. */
struct ProductCut {
  /** rows that a unit computes while its weights are at hand, 1 or a multiple of full tiles */
  int64_t row_block;
  int64_t row_blocks;
  /** panels of a unit */
  int64_t panels;
  int64_t panel_blocks;
  /** steps of k that are at hand at once, where weights have to be made f32 or many rows pass by */
  int64_t depth;
  /** rows whose sums are kept beside */
  int64_t kept_rows;
  /** weights may have to be made f32 panels */
  bool wide;
  /** x has to be made plain f32 first */
  bool plain_x;

  explicit ProductCut(const Product& product);
  size_t SharedScratch(const Product& product) const;
  size_t OwnScratch() const;
};

/** Appends the phases of a product. */
void PlanProduct(const Product& product, std::vector<Phase>& phases);

}  // namespace ss
