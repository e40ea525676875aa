import { dtypes, elementCount, elementSpan, forEachPosition, isContiguous } from '@ss/core';
import type { SourceFile } from '../source/source.ts';
import { readTorchCheckpoint } from '../torch/torch-checkpoint.ts';
import type { TorchTensor } from '../torch/torch-checkpoint.ts';
import type { CheckpointTensor } from './checkpoint.ts';

/** The tensors of a `torch.save` archive, in the order of their bytes. */
export async function torchTensorsIn(
  file: SourceFile,
  signal: AbortSignal | undefined,
): Promise<CheckpointTensor[]> {
  const access = {
    name: file.name,
    size: file.size,
    read: (offset: number, length: number) => file.read(offset, length, signal),
  };
  const tensors = await readTorchCheckpoint(access);
  return tensors
    .toSorted((a, b) => a.storage.offset - b.storage.offset || a.offset - b.offset)
    .map((tensor) => ({
      name: tensor.name,
      stored: tensor.dtype,
      dtype: tensor.dtype,
      shape: tensor.shape,
      byteLength: elementCount(tensor.shape) * dtypes[tensor.dtype].bytes,
      place: `${file.name}:${tensor.storage.offset} ${tensor.offset} ${tensor.strides.join()}`,
      read: async (abort, start = 0, length) => {
        const bytes = await readDense(file, tensor, abort);
        return length === undefined ? bytes : bytes.subarray(start, start + length);
      },
    }));
}

/** The elements of a strided view of a storage, row-major. */
async function readDense(
  file: SourceFile,
  tensor: TorchTensor,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const size = dtypes[tensor.dtype].bytes;
  const { start, end } = elementSpan(tensor);
  const raw = await file.read(tensor.storage.offset + start * size, (end - start) * size, signal);
  if (isContiguous(tensor)) return raw;
  const dense = new Uint8Array(elementCount(tensor.shape) * size);
  let at = 0;
  forEachPosition(tensor, (position) => {
    const from = (position - start) * size;
    dense.set(raw.subarray(from, from + size), at);
    at += size;
  });
  return dense;
}
