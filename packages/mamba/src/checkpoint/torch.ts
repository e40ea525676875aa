import { dtypes, elementCount, elementSpan, isContiguous } from '@ss/core';
import type { SourceFile } from '../source/source.ts';
import { readTorchCheckpoint } from '../torch/torch-checkpoint.ts';
import type { TorchTensor } from '../torch/torch-checkpoint.ts';
import type { CheckpointTensor } from './checkpoint.ts';
import { rowMajor } from './row-major.ts';

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
      ...readers(file, tensor),
    }));
}

/** A view that is row-major already is read where it lies, any part of it alone. */
function readers(file: SourceFile, tensor: TorchTensor): Pick<CheckpointTensor, 'read' | 'inOnePiece'> {
  const size = dtypes[tensor.dtype].bytes;
  const { start, end } = elementSpan(tensor);
  const [offset, byteLength] = [tensor.storage.offset + start * size, (end - start) * size];
  if (isContiguous(tensor)) {
    return { read: (signal, from = 0, length = byteLength) => file.read(offset + from, length, signal) };
  }
  return {
    inOnePiece: true,
    read: async (signal, from = 0, length) => {
      const bytes = await rowMajor(tensor, await file.read(offset, byteLength, signal));
      return length === undefined ? bytes : bytes.subarray(from, from + length);
    },
  };
}
