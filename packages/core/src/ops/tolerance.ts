import type { DType } from '../dtype.ts';
import type { Tolerance } from './op.ts';

type ByDType = Partial<Readonly<Record<DType, readonly [rtol: number, atol: number]>>>;

/** Tests of the official package, `tests/ops/test_selective_scan.py`; f64 is ours. */
const scan: ByDType = { f64: [1e-9, 1e-9], f32: [6e-4, 2e-3], f16: [3e-3, 5e-3], bf16: [3e-2, 5e-2] };
/** `tests/ops/triton/test_selective_state_update.py`, without heads. */
const stateUpdate: ByDType = { f64: [1e-9, 1e-9], f32: [3e-4, 1e-3], f16: [5e-3, 1e-2], bf16: [1e-2, 5e-2] };
/** causal-conv1d, `tests/test_causal_conv1d.py`. */
const conv: ByDType = { f64: [1e-9, 1e-9], f32: [3e-4, 1e-3], f16: [3e-3, 5e-3], bf16: [1e-2, 5e-2] };
/** A few roundings of the storage dtype; exp and division included. */
const pointwise: ByDType = {
  f64: [1e-12, 1e-12],
  f32: [2e-6, 2e-6],
  f16: [2e-3, 1e-4],
  bf16: [1.6e-2, 1e-3],
};
const exact: Tolerance = { rtol: 0, atol: 0 };

function from(table: ByDType, dtype: DType): Tolerance {
  const [rtol, atol] = table[dtype] ?? table.f32!;
  return { rtol, atol };
}

export function scanTolerance(dtype: DType): Tolerance {
  return from(scan, dtype);
}

/**
 * Of the official tests: du twice and ddelta five times the forward's tolerance, dA, dD and dbias of their own,
 * in the dtype of the parameters.
 */
export function scanGradientTolerance(dtype: DType, output: string): Tolerance {
  const base = from(scan, dtype);
  const scaled = (r: number, a: number): Tolerance => ({ rtol: base.rtol * r, atol: base.atol * a });
  switch (output) {
    case 'du':
      return scaled(2, 2);
    case 'ddelta':
      return scaled(5, 10);
    case 'dA':
      return dtype === 'f64'
        ? scaled(10, 10)
        : { rtol: Math.max(1e-3, base.rtol), atol: Math.max(5e-3, base.atol) };
    case 'dD':
    case 'ddeltaBias':
      return dtype === 'f64'
        ? scaled(10, 10)
        : { rtol: Math.max(1e-3, base.rtol), atol: Math.max(1e-3, base.atol) };
    default:
      return base;
  }
}

/** dweight and dbias 1e-3 as in causal-conv1d's tests, never tighter than the forward. */
export function convGradientTolerance(dtype: DType, output: string): Tolerance {
  const base = from(conv, dtype);
  if (dtype === 'f64' || (output !== 'dweight' && output !== 'dbias')) return base;
  return { rtol: Math.max(1e-3, base.rtol), atol: Math.max(1e-3, base.atol) };
}

export function stateUpdateTolerance(dtype: DType, output: string): Tolerance {
  return from(stateUpdate, output === 'state' && dtype !== 'f64' ? 'f32' : dtype);
}

/** Outputs by the official tolerances; states are copies of inputs and must be exact. */
export function convTolerance(dtype: DType, output: string): Tolerance {
  return output === 'y' ? from(conv, dtype) : exact;
}

export function pointwiseTolerance(dtype: DType): Tolerance {
  return from(pointwise, dtype);
}

export function exactTolerance(): Tolerance {
  return exact;
}

/**
 * A sum of K products of numbers near 1: f32 accumulation errs by at most K, typically sqrt(K), roundings
 * of 2^-24 on a sum near sqrt(K); the result is then rounded once to its dtype.
 */
export function dotTolerance(dtype: DType, sizes: Readonly<Record<string, number>>): Tolerance {
  const K = sizes['K'] ?? 1;
  const round = from(pointwise, dtype);
  const accumulate = dtype === 'f64' ? K * 2 ** -52 : 4 * K * 2 ** -24;
  return { rtol: round.rtol, atol: round.atol + accumulate };
}
