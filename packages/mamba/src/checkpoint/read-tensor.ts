import { decode, throwIfAborted } from '@ss/core';
import type { ParameterValue } from '@ss/mamba-block';
import { allocate } from '../source/limits.ts';
import type { CheckpointTensor } from './checkpoint.ts';

/** No source has to give more at once: files, blobs and answers have limits of 2 GiB. */
const pieceBytes = 64 * 2 ** 20;

/**
 * Reads a tensor piece by piece; `seen` gets its bytes as they are stored. What is stored as f64 becomes f32 on its
 * way, so that it is never in memory whole.
 */
export async function readTensor(
  tensor: CheckpointTensor,
  seen: (bytes: Uint8Array) => void,
  signal: AbortSignal | undefined,
): Promise<ParameterValue> {
  const { byteLength, shape, name } = tensor;
  const dtype = tensor.dtype!;
  const isWide = dtype === 'f64';
  if (!isWide && (byteLength <= pieceBytes || tensor.inOnePiece)) {
    const bytes = await tensor.read(signal);
    seen(bytes);
    return { dtype, shape, bytes };
  }
  const result = allocate(isWide ? byteLength / 2 : byteLength, name);
  const narrow = new Float32Array(result.buffer, 0, isWide ? result.length / 4 : 0);
  const step = tensor.inOnePiece ? byteLength : pieceBytes;
  for (let start = 0; start < byteLength; start += step) {
    throwIfAborted(signal, 'loading a model');
    const bytes = await tensor.read(signal, start, Math.min(step, byteLength - start));
    seen(bytes);
    if (isWide) narrow.set(decode(bytes, 'f64'), start / 8);
    else result.set(bytes, start);
  }
  return { dtype: isWide ? 'f32' : dtype, shape, bytes: result };
}
