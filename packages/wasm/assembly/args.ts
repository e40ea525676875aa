/*
 * The arguments of every kernel, as words of linear memory that the host fills. Pointers and strides are in
 * bytes, strides may be negative, a pointer of 0 means "not given"; dtypes are the codes of `dtype.ts`.
 * `scripts/build-kernels.ts` reads these classes and writes the host's side of the same layout.
 */

/** Selective scan and state update: S sequences, L steps in a row, heads H of P channels, N states. */
@unmanaged
export class ScanArgs {
  /** B, or what cuSeqlens packs into one row. */
  S: u32;
  cuSeqlens: usize;
  stateIndices: usize;
  slots: u32;
  L: u32;
  H: u32;
  P: u32;
  N: u32;
  /** Heads that share one row of B and C. */
  headsPerGroup: u32;
  softplus: u32;
  /** 1: from the last step of a sequence to its first. */
  reverse: u32;
  /** Channels (a multiple of 16) and time steps that are worked on at a time. */
  span: u32;
  tile: u32;
  /** Storage of u, delta, z, y. */
  dtype: u32;
  u: usize;
  uB: isize;
  uT: isize;
  uH: isize;
  uP: isize;
  delta: usize;
  deltaB: isize;
  deltaT: isize;
  deltaH: isize;
  deltaP: isize;
  z: usize;
  zB: isize;
  zT: isize;
  zH: isize;
  zP: isize;
  y: usize;
  yB: isize;
  yT: isize;
  yH: isize;
  yP: isize;
  A: usize;
  AH: isize;
  AP: isize;
  AN: isize;
  AType: u32;
  /** Varying: by batch, time, group, state. Constant (BVaries = 0): by head, channel, state. */
  BVaries: u32;
  Bs: usize;
  BB: isize;
  BT: isize;
  BG: isize;
  BH: isize;
  BP: isize;
  BN: isize;
  BType: u32;
  CVaries: u32;
  Cs: usize;
  CB: isize;
  CT: isize;
  CG: isize;
  CH: isize;
  CP: isize;
  CN: isize;
  CType: u32;
  D: usize;
  DH: isize;
  DP: isize;
  DType: u32;
  bias: usize;
  biasH: isize;
  biasP: isize;
  biasType: u32;
  /** Initial state, f32, by slot; zeros when 0. */
  h0: usize;
  h0B: isize;
  h0H: isize;
  h0P: isize;
  h0N: isize;
  /** Final state, f32; dropped when 0. By slot (a pool, padding left alone) or by sequence (padding zero). */
  h1BySlot: u32;
  h1: usize;
  h1B: isize;
  h1H: isize;
  h1P: isize;
  h1N: isize;
}

/** y = x weight^T + bias + residual: R rows of K, M outputs. */
@unmanaged
export class LinearArgs {
  R: u32;
  K: u32;
  M: u32;
  /** Rows, best a multiple of LINEAR_ROWS, whose x is kept at hand while the weights pass by. */
  rowBlock: u32;
  /** Storage of x, residual, y. */
  dtype: u32;
  x: usize;
  xR: isize;
  xK: isize;
  /** Storage of the weight: panels when packed, otherwise (M, K) of any strides. */
  weightType: u32;
  packed: u32;
  weight: usize;
  weightM: isize;
  weightK: isize;
  bias: usize;
  biasM: isize;
  biasType: u32;
  residual: usize;
  residualR: isize;
  residualM: isize;
  y: usize;
  yR: isize;
}

/** A weight (M, K) into panels of f32, f16, bf16 or i8. */
@unmanaged
export class PackArgs {
  M: u32;
  K: u32;
  weight: usize;
  weightM: isize;
  weightK: isize;
  weightType: u32;
  packed: usize;
  packedType: u32;
}

/** y = rows of a weight by id: R ids, rows of K. */
@unmanaged
export class EmbeddingArgs {
  R: u32;
  /** Length of a row. */
  K: u32;
  /** Rows of the weight; an id is in [0, V). */
  V: u32;
  /** i32. */
  ids: usize;
  idsR: isize;
  /** Storage of the weight: panels when packed, otherwise (V, K) of any strides. */
  weightType: u32;
  packed: u32;
  weight: usize;
  weightV: isize;
  weightK: isize;
  /** Storage of y: f32, f16 or bf16. */
  dtype: u32;
  y: usize;
  yR: isize;
}

/** Gradient of the selective scan; inputs as {@link ScanArgs}, by sequence where S is. */
@unmanaged
export class ScanBackwardArgs {
  B: u32;
  L: u32;
  H: u32;
  P: u32;
  N: u32;
  headsPerGroup: u32;
  softplus: u32;
  reverse: u32;
  /** Sequences: B, or what cuSeqlens (S + 1 i32, dense) packs into one batch entry. */
  S: u32;
  cuSeqlens: usize;
  /** S i32, dense: the row of h0 and dh0; negative is padding. */
  stateIndices: usize;
  slots: u32;
  /** Channels of a slice (a multiple of 8), and how many slices a head has. */
  slice: u32;
  slices: u32;
  /** Storage of u, delta, z, dy and of du, ddelta, dz. */
  dtype: u32;
  u: usize;
  uB: isize;
  uT: isize;
  uH: isize;
  uP: isize;
  delta: usize;
  deltaB: isize;
  deltaT: isize;
  deltaH: isize;
  deltaP: isize;
  z: usize;
  zB: isize;
  zT: isize;
  zH: isize;
  zP: isize;
  dy: usize;
  dyB: isize;
  dyT: isize;
  dyH: isize;
  dyP: isize;
  du: usize;
  duB: isize;
  duT: isize;
  duH: isize;
  duP: isize;
  ddelta: usize;
  ddeltaB: isize;
  ddeltaT: isize;
  ddeltaH: isize;
  ddeltaP: isize;
  dz: usize;
  dzB: isize;
  dzT: isize;
  dzH: isize;
  dzP: isize;
  A: usize;
  AH: isize;
  AP: isize;
  AN: isize;
  AType: u32;
  BVaries: u32;
  Bs: usize;
  BB: isize;
  BT: isize;
  BG: isize;
  BH: isize;
  BP: isize;
  BN: isize;
  BType: u32;
  CVaries: u32;
  Cs: usize;
  CB: isize;
  CT: isize;
  CG: isize;
  CH: isize;
  CP: isize;
  CN: isize;
  CType: u32;
  D: usize;
  DH: isize;
  DP: isize;
  DType: u32;
  bias: usize;
  biasH: isize;
  biasP: isize;
  biasType: u32;
  h0: usize;
  h0B: isize;
  h0H: isize;
  h0P: isize;
  h0N: isize;
  dh0: usize;
  dh0B: isize;
  dh0H: isize;
  dh0P: isize;
  dh0N: isize;
  dh1: usize;
  dh1B: isize;
  dh1H: isize;
  dh1P: isize;
  dh1N: isize;
  /** Parts, f32 dense: (S, D, N); dB and dC (S, D, N) when constant, (H, slices, B, L, N) when varying; (S, D). */
  dA: usize;
  dB: usize;
  dC: usize;
  dD: usize;
  dbias: usize;
}

/** out[row][group] = the sum over parts; a part is f32, dense, partBytes long. */
@unmanaged
export class SumPartsArgs {
  out: usize;
  outRow: isize;
  outGroup: isize;
  outStride: isize;
  dtype: u32;
  groups: u32;
  width: u32;
  parts: usize;
  partsPerGroup: u32;
  partBytes: u32;
}

/** out[slot] = the sum over the sequences that name it of their parts; rows of both are `width` elements, dense. */
@unmanaged
export class SumSlotsArgs {
  out: usize;
  dtype: u32;
  width: u32;
  S: u32;
  stateIndices: usize;
  parts: usize;
}

/** Causal convolution: S sequences, L steps in a row, D channels, width W. */
@unmanaged
export class ConvArgs {
  S: u32;
  cuSeqlens: usize;
  stateIndices: usize;
  slots: u32;
  L: u32;
  D: u32;
  W: u32;
  silu: u32;
  reverse: u32;
  /** Channels (a multiple of 16) and time steps that are worked on at a time. */
  span: u32;
  tile: u32;
  /** Storage of x and y. */
  dtype: u32;
  x: usize;
  xB: isize;
  xT: isize;
  xD: isize;
  y: usize;
  yB: isize;
  yT: isize;
  yD: isize;
  weight: usize;
  weightD: isize;
  weightW: isize;
  weightType: u32;
  bias: usize;
  biasD: isize;
  biasType: u32;
  /** The W - 1 inputs before the first step, oldest first, by slot; zeros when 0. */
  h0: usize;
  h0B: isize;
  h0W: isize;
  h0D: isize;
  h0Type: u32;
  /** The last W - 1 inputs; dropped when 0. By slot (a pool, padding left alone) or by sequence (padding zero). */
  h1BySlot: u32;
  h1: usize;
  h1B: isize;
  h1W: isize;
  h1D: isize;
  h1Type: u32;
}

/** Root mean square normalisation of rows of K in `groups` equal parts. */
@unmanaged
export class NormArgs {
  K: u32;
  groups: u32;
  eps: f32;
  /** Storage of x, gate, y. */
  dtype: u32;
  x: usize;
  xR: isize;
  xK: isize;
  weight: usize;
  weightK: isize;
  weightType: u32;
  /** Storage of residual and sum. */
  sumType: u32;
  residual: usize;
  residualR: isize;
  residualK: isize;
  sum: usize;
  sumR: isize;
  sumK: isize;
  gate: usize;
  gateR: isize;
  gateK: isize;
  y: usize;
  yR: isize;
  yK: isize;
}

/** Elementwise over six axes of extents e0..e5, the last the innermost; axes that are not there have extent 1. */
@unmanaged
export class MapArgs {
  /** MAP_ADD and so on. */
  kind: u32;
  /** dtype codes, or bytes of an element for MAP_MOVE. b has x's. */
  xType: u32;
  yType: u32;
  e0: u32;
  e1: u32;
  e2: u32;
  e3: u32;
  e4: u32;
  e5: u32;
  x: usize;
  x0: isize;
  x1: isize;
  x2: isize;
  x3: isize;
  x4: isize;
  x5: isize;
  b: usize;
  b0: isize;
  b1: isize;
  b2: isize;
  b3: isize;
  b4: isize;
  b5: isize;
  y: usize;
  y0: isize;
  y1: isize;
  y2: isize;
  y3: isize;
  y4: isize;
  y5: isize;
}

/** argmax, sample, cross entropy: rows of V logits, of which ids from `vocabulary` on are padding. */
@unmanaged
export class LogitsArgs {
  V: u32;
  vocabulary: u32;
  dtype: u32;
  logits: usize;
  logitsR: isize;
  logitsV: isize;
  /** Cross entropy: i32, and the loss, f32. */
  targets: usize;
  targetsR: isize;
  loss: usize;
  /** argmax and sample: i32. */
  ids: usize;
  /** sample: f32. */
  logProbs: usize;
  uniform: usize;
  uniformR: isize;
  /** (R, H) i32 */
  H: u32;
  recentIds: usize;
  recentR: isize;
  recentH: isize;
  topK: u32;
  /** f64, low word first: thresholds are compared with sums that may meet them exactly. */
  temperature0: u32;
  temperature1: u32;
  topP0: u32;
  topP1: u32;
  minP0: u32;
  minP1: u32;
  repetitionPenalty0: u32;
  repetitionPenalty1: u32;
}

/** Gradient of the causal convolution; sequences as in {@link ScanBackwardArgs}. */
@unmanaged
export class ConvBackwardArgs {
  L: u32;
  D: u32;
  W: u32;
  silu: u32;
  reverse: u32;
  S: u32;
  cuSeqlens: usize;
  stateIndices: usize;
  slots: u32;
  /** Storage of x, dy, dx. */
  dtype: u32;
  x: usize;
  xB: isize;
  xT: isize;
  xD: isize;
  dy: usize;
  dyB: isize;
  dyT: isize;
  dyD: isize;
  dx: usize;
  dxB: isize;
  dxT: isize;
  dxD: isize;
  weight: usize;
  weightD: isize;
  weightW: isize;
  weightType: u32;
  bias: usize;
  biasD: isize;
  biasType: u32;
  h0: usize;
  h0B: isize;
  h0W: isize;
  h0D: isize;
  h0Type: u32;
  dh0: usize;
  dh0B: isize;
  dh0W: isize;
  dh0D: isize;
  dh0Type: u32;
  dh1: usize;
  dh1B: isize;
  dh1W: isize;
  dh1D: isize;
  dh1Type: u32;
  /** Parts, f32 dense: (S, D, W) and (S, D). */
  dweight: usize;
  dbias: usize;
}

/** Gradient of the norm over R rows of K. */
@unmanaged
export class NormBackwardArgs {
  R: u32;
  K: u32;
  G: u32;
  eps: f32;
  /** Rows that share one part of dweight. */
  sliceRows: u32;
  /** Storage of x, gate, dy, dx, dgate. */
  dtype: u32;
  x: usize;
  xR: isize;
  xK: isize;
  dy: usize;
  dyR: isize;
  dyK: isize;
  weight: usize;
  weightK: isize;
  weightType: u32;
  residual: usize;
  residualR: isize;
  residualK: isize;
  /** Storage of residual, dsum, dresidual. */
  residualType: u32;
  gate: usize;
  gateR: isize;
  gateK: isize;
  dsum: usize;
  dsumR: isize;
  dsumK: isize;
  dx: usize;
  dxR: isize;
  dxK: isize;
  dresidual: usize;
  dresidualR: isize;
  dresidualK: isize;
  dgate: usize;
  dgateR: isize;
  dgateK: isize;
  /** Parts, f32 dense: (slices, K). */
  dweight: usize;
}

@unmanaged
export class CrossEntropyBackwardArgs {
  V: u32;
  /** Storage of logits and dlogits. */
  dtype: u32;
  logits: usize;
  logitsR: isize;
  logitsV: isize;
  targets: usize;
  targetsR: isize;
  dloss: usize;
  dlossR: isize;
  dlogits: usize;
  dlogitsR: isize;
  dlogitsV: isize;
}

/** dweight (V, K) f32 dense. */
@unmanaged
export class EmbeddingBackwardArgs {
  R: u32;
  V: u32;
  K: u32;
  dtype: u32;
  /** Dense. */
  ids: usize;
  dy: usize;
  dyR: isize;
  dyK: isize;
  dweight: usize;
}
