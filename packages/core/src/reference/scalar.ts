/** Scalar functions of the contract, in float64, safe at every argument. */
export const scalar = {
  sigmoid: (x: number): number => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x))),
  silu: (x: number): number => (x === -Infinity ? 0 : x * scalar.sigmoid(x)),
  /** d silu / dx; 0 and 1 in the limits, where the product would be NaN */
  siluSlope(x: number): number {
    if (Math.abs(x) === Infinity) return x > 0 ? 1 : 0;
    return scalar.sigmoid(x) * (1 + x * (1 - scalar.sigmoid(x)));
  },
  /** The nearest integer, ties to even. */
  nearest(x: number): number {
    const down = Math.floor(x);
    if (x - down === 0.5) return down % 2 === 0 ? down : down + 1;
    return Math.round(x);
  },
  /** log(1 + exp(x)) without overflow above or cancellation below. */
  softplus: (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
  /** log of the softmax of a row: relative to its largest, so that nothing overflows or cancels. */
  logSoftmax(row: Float64Array): Float64Array {
    const most = row.reduce((a, b) => Math.max(a, b), -Infinity);
    const sum = row.reduce((total, x) => total + Math.exp(x - most), 0);
    return row.map((x) => x - most - Math.log(sum));
  },
};
