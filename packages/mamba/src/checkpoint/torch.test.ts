import { readFile } from 'node:fs/promises';
import { decode } from '@ss/core';
import { expect, test } from 'vitest';
import { blobFile } from '../source/blobs.ts';
import { torchTensorsIn } from './torch.ts';

test('tensors of a torch.save file are read row-major, views of a shared storage too', async () => {
  // What is in it: torch/fixtures/make.py.
  const bytes = await readFile(new URL('../torch/fixtures/tensors.bin', import.meta.url));
  const tensors = await torchTensorsIn(blobFile('tensors.bin', new Blob([bytes])), undefined);
  const values = async (name: string): Promise<unknown[]> => {
    const tensor = tensors.find((one) => one.name === name)!;
    return [...decode(await tensor.read(undefined), tensor.dtype!)];
  };
  expect(await values('plain')).toEqual([1.5, -2, 3.25, 4]);
  expect(await values('view')).toEqual([4, 6, 8, 10]);
  expect(await values('scalar')).toEqual([7]);
  const view = tensors.find(({ name }) => name === 'view')!;
  expect([...decode(await view.read(undefined, 4, 8), 'f32')]).toEqual([6, 8]);
});
