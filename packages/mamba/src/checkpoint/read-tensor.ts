import { decode, throwIfAborted } from '@ss/core';
import type { ParameterValue } from '@ss/mamba-block';
import { pause } from '../generate/pause.ts';
import { allocate } from '../source/limits.ts';
import type { CheckpointTensor } from './checkpoint.ts';

/** Of a tensor that is not taken as it is, and what is looked at between two turns of the thread. */
const pieceBytes = 64 * 2 ** 20;

/**
 * Reads a tensor; `seen` gets its bytes as they are stored, piece by piece. What is stored as f64 becomes f32 on its
 * way, so that it is never in memory whole.
 */
export async function readTensor(
  tensor: CheckpointTensor,
  seen: (bytes: Uint8Array) => void,
  signal: AbortSignal | undefined,
): Promise<ParameterValue> {
  const { byteLength, shape } = tensor;
  const dtype = tensor.dtype!;
  if (dtype === 'f64') return { dtype: 'f32', shape, bytes: await readNarrowed(tensor, seen, signal) };
  const bytes = await tensor.read(signal);
  for (let start = 0; start < byteLength; start += pieceBytes) {
    if (start > 0) await pause();
    throwIfAborted(signal, 'loading a model');
    seen(bytes.subarray(start, start + pieceBytes));
  }
  return { dtype, shape, bytes };
}

async function readNarrowed(
  { byteLength, name, inOnePiece, read }: CheckpointTensor,
  seen: (bytes: Uint8Array) => void,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const result = allocate(byteLength / 2, name);
  const values = new Float32Array(result.buffer);
  const step = inOnePiece ? byteLength : pieceBytes;
  for (let start = 0; start < byteLength; start += step) {
    const bytes = await read(signal, start, Math.min(step, byteLength - start));
    throwIfAborted(signal, 'loading a model');
    seen(bytes);
    values.set(decode(bytes, 'f64'), start / 8);
  }
  return result;
}
