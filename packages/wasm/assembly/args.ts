/*
 * The arguments of every kernel, as words of linear memory that the host fills. Pointers and strides are in
 * bytes, strides may be negative, a pointer of 0 means "not given"; dtypes are the codes of `dtype.ts`.
 * `scripts/build-kernels.ts` reads these classes and writes the host's side of the same layout.
 */

/** Selective scan and state update: batch B, time L, heads H of P channels, N states. */
@unmanaged
export class ScanArgs {
  B: u32;
  L: u32;
  H: u32;
  P: u32;
  N: u32;
  /** Heads that share one row of B and C. */
  headsPerGroup: u32;
  softplus: u32;
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
  /** Initial state, f32; zeros when 0. */
  h0: usize;
  h0B: isize;
  h0H: isize;
  h0P: isize;
  h0N: isize;
  /** Final state, f32; dropped when 0. */
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
  /** Rows, a multiple of 6, whose x is kept at hand while the weights pass by. */
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

/** A weight (M, K) into panels of f32, f16 or bf16. */
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
