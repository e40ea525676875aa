import { readHeader } from '../safetensors/header.ts';
import type { SourceFile } from '../source/source.ts';
import type { CheckpointTensor } from './checkpoint.ts';

/** The tensors of a safetensors file, in the order of their bytes. */
export async function safetensorsIn(
  file: SourceFile,
  signal: AbortSignal | undefined,
): Promise<CheckpointTensor[]> {
  const { tensors } = await readHeader(file, signal);
  return [...tensors.values()]
    .toSorted((a, b) => a.offset - b.offset)
    .map(({ offset, ...tensor }) => ({
      ...tensor,
      place: `${file.name}:${offset}`,
      read: (abort, start = 0, length = tensor.byteLength) => file.read(offset + start, length, abort),
    }));
}
