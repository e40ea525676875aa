/** Scalar functions of the contract, in float64, safe at every argument. */
export const scalar = {
  sigmoid: (x: number): number => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x))),
  silu: (x: number): number => (x === -Infinity ? 0 : x * scalar.sigmoid(x)),
  /** log(1 + exp(x)) without overflow above or cancellation below. */
  softplus: (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
};
