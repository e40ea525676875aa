import type { CheckpointTensor } from './checkpoint.ts';

const pieceBytes = 4 * 2 ** 20;

/** Whether two tensors are the same in dtype, shape and every byte. Different ones differ early. */
export async function sameBytes(
  a: CheckpointTensor,
  b: CheckpointTensor,
  signal?: AbortSignal,
): Promise<boolean> {
  if (a.dtype !== b.dtype || a.shape.join() !== b.shape.join()) return false;
  if (a.place === b.place) return true;
  const step = a.inOnePiece || b.inOnePiece ? a.byteLength : pieceBytes;
  for (let start = 0; start < a.byteLength; start += step) {
    const length = Math.min(step, a.byteLength - start);
    const [x, y] = [await a.read(signal, start, length), await b.read(signal, start, length)];
    if (!x.every((byte, i) => byte === y[i])) return false;
  }
  return true;
}
