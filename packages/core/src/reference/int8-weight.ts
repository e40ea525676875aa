import type { BoundCall, Packing, TensorArg, TensorSpec, WeightDType } from '../backend.ts';
import { scalar } from './scalar.ts';
import { values } from './values.ts';

const format = 'reference:i8';

/** A weight (M, K) as i8: M scales in f32, then M rows of K bytes. Every other weight stays as it is. */
export function packing({ shape }: TensorSpec, as: WeightDType): Packing | undefined {
  const [M, K] = shape as [number, number];
  return as === 'i8' ? { format, byteLength: M * 4 + M * K } : undefined;
}

/**
 * Symmetric, row by row: scale = max_k |w_k| / 127 and q_k = w_k / scale to the nearest integer, ties to even,
 * both in f32; w_k is then scale q_k to within half a scale. A row of zeros has scale 0.
 */
export function pack({ inputs, outputs, sizes }: BoundCall<Uint8Array>): void {
  const { M, K } = sizes as { M: number; K: number };
  const weight = values(inputs['weight']!);
  const { scales, q } = parts(outputs['packed']!);
  for (let m = 0; m < M; m++) {
    const row = weight.subarray(m * K, (m + 1) * K);
    const largest = row.reduce((most, w) => Math.max(most, Math.abs(w)), 0);
    if (!Number.isFinite(largest))
      throw new RangeError(`row ${m} of the weight is not finite, which i8 cannot say`);
    const scale = (scales[m] = Math.fround(largest / 127));
    q.set(
      row.map((w) => (scale === 0 ? 0 : scalar.nearest(Math.fround(w / scale)))),
      m * K,
    );
  }
}

/** Row-major values of a weight, packed or not. */
export function weightValues(weight: TensorArg<Uint8Array>): Float64Array {
  if (weight.format !== format) return values(weight);
  const { scales, q, K } = parts(weight);
  return Float64Array.from(q, (value, i) => scales[Math.floor(i / K)]! * value);
}

/** One row of a weight, packed or not. */
export function weightRow(weight: TensorArg<Uint8Array>, row: number): Float64Array {
  if (weight.format === format) {
    const { scales, q, K } = parts(weight);
    return Float64Array.from(q.subarray(row * K, (row + 1) * K), (value) => scales[row]! * value);
  }
  const [rowStride, stride] = weight.strides as [number, number];
  const offset = weight.offset + row * rowStride;
  return values({ ...weight, shape: weight.shape.slice(1), strides: [stride], offset });
}

function parts({ buffer, shape }: TensorArg<Uint8Array>): { scales: Float32Array; q: Int8Array; K: number } {
  const [M, K] = shape as [number, number];
  const { buffer: memory, byteOffset } = buffer;
  return {
    scales: new Float32Array(memory, byteOffset, M),
    q: new Int8Array(memory, byteOffset + 4 * M, M * K),
    K,
  };
}
