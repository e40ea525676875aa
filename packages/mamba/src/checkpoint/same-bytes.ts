import type { CheckpointTensor } from './checkpoint.ts';

/** Whether two tensors are the same in dtype, shape and every byte. */
export async function sameBytes(
  a: CheckpointTensor,
  b: CheckpointTensor,
  signal?: AbortSignal,
): Promise<boolean> {
  if (a.dtype !== b.dtype || a.shape.join() !== b.shape.join()) return false;
  const [x, y] = [await a.read(signal), await b.read(signal)];
  return x.every((byte, i) => byte === y[i]);
}
