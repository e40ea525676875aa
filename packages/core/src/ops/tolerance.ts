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
const pointwise: ByDType = { f64: [1e-12, 1e-12], f32: [2e-6, 2e-6], f16: [2e-3, 1e-4], bf16: [1.6e-2, 1e-3] };
const exact: Tolerance = { rtol: 0, atol: 0 };

function from(table: ByDType, dtype: DType): Tolerance {
  const [rtol, atol] = table[dtype] ?? table.f32!;
  return { rtol, atol };
}

export function scanTolerance(dtype: DType): Tolerance {
  return from(scan, dtype);
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
