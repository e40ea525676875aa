/** Scalar functions of the contract, in float64, safe at every argument. */
export const scalar = {
  sigmoid: (x: number): number => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x))),
  silu: (x: number): number => (x === -Infinity ? 0 : x * scalar.sigmoid(x)),
  /** d silu / dx */
  siluSlope: (x: number): number => scalar.sigmoid(x) * (1 + x * (1 - scalar.sigmoid(x))),
  /** log(1 + exp(x)) without overflow above or cancellation below. */
  softplus: (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
  /** log of the softmax of a row at `id`: sums relative to the largest, which neither overflow nor cancel. */
  logSoftmax(row: Float64Array, id: number): number {
    let most = -Infinity;
    for (const x of row) most = Math.max(most, x);
    let sum = 0;
    for (const x of row) sum += Math.exp(x - most);
    return row[id]! - most - Math.log(sum);
  },
};
