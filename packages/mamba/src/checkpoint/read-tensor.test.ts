import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import * as disk from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decode, encode } from '@ss/core';
import { describe, expect, test } from 'vitest';
import { blobs, tinyFiles, tinyTensors } from '../../test/tiny-checkpoint.ts';
import { registry, subjects } from '../../test/subjects.ts';
import { torchArchive } from '../../test/torch-archive.ts';
import { loadModel } from '../load-model.ts';
import type { MambaModel } from '../model.ts';
import { openFolder } from '../source/folder.ts';
import type { NodeFiles } from '../source/node.ts';
import type { CheckpointTensor } from './checkpoint.ts';
import { readTensor } from './read-tensor.ts';
import { safetensorsIn } from './safetensors.ts';

describe.for(subjects)('f64 on $id', ({ id, missing }) => {
  const tensors = tinyTensors({ dtype: 'f64' });
  const load = (files: Record<string, Uint8Array>): Promise<MambaModel> =>
    loadModel(blobs(files), { backend: id, registry });
  const logits = async (files: Record<string, Uint8Array>): Promise<Float32Array> => {
    await using model = await load(files);
    return await model.logits([3, 1, 4]);
  };

  test.for([
    ['safetensors', tinyFiles(tensors)],
    ['torch.save', { 'pytorch_model.bin': torchArchive(tensors) }],
  ] as const)('from a file of %s is as good as f32', async ([, files], { skip }) => {
    skip(missing !== undefined, missing);
    expect(await logits(files)).toEqual(await logits(tinyFiles()));
    await using model = await load(files);
    expect(model.parts.embedding.dtype).toBe('f32');
  });
});

test('f64 is never in memory whole', async () => {
  const count = 9_000_000;
  const reads: number[] = [];
  const tensor: CheckpointTensor = {
    name: 'w',
    stored: 'F64',
    dtype: 'f64',
    shape: [count],
    byteLength: 8 * count,
    place: 'x',
    read: async (_signal, start = 0, length = 0) => {
      reads.push(length);
      return encode(
        Float64Array.from({ length: length / 8 }, (_, i) => start / 8 + i),
        'f64',
      );
    },
  };
  let seen = 0;
  const { dtype, bytes } = await readTensor(tensor, (piece) => (seen += piece.length), undefined);
  expect([dtype, bytes.length, seen]).toEqual(['f32', 4 * count, 8 * count]);
  const values = decode(bytes, 'f32');
  expect([values[0], values[1], values[8_500_000], values[count - 1]]).toEqual([
    0,
    1,
    8_500_000,
    Math.fround(count - 1),
  ]);
  expect(Math.max(...reads)).toBeLessThanOrEqual(64 * 2 ** 20);
});

describe('more than 2 GiB', () => {
  test('are read from a folder in parts that Node reads', async () => {
    const parts: number[] = [];
    const size = 5 * 2 ** 30;
    const files: NodeFiles = {
      readdir: async () => [],
      stat: async () => ({ isDirectory: () => true, isFile: () => true }),
      open: async () => ({
        stat: async () => ({ size, mtimeMs: 0 }),
        close: async () => undefined,
        // As Node does, but the memory is not touched.
        read: async (_into, _offset, length) => {
          if (length > 2 ** 31 - 1) throw new RangeError(`The value of "length" is out of range: ${length}`);
          parts.push(length);
          return { bytesRead: length };
        },
      }),
    };
    await using source = await openFolder('x', files);
    const file = await source.open('y');
    expect((await file!.read(0, 2_300_000_000)).length).toBe(2_300_000_000);
    expect(parts.reduce((a, b) => a + b)).toBe(2_300_000_000);
  });

  test('of a real file are read at their end, too', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'ss-large-'));
    try {
      const byteLength = 4 * 287_500 * 2000;
      const header = JSON.stringify({
        w: { dtype: 'F32', shape: [287_500, 2000], data_offsets: [0, byteLength] },
      });
      const path = join(folder, 'model.safetensors');
      const length = new Uint8Array(8);
      new DataView(length.buffer).setBigUint64(0, BigInt(header.length), true);
      await writeFile(path, Buffer.concat([length, Buffer.from(header)]));
      // The rest of it is a hole.
      const file = await open(path, 'r+');
      await file.write(encode([7], 'f32'), 0, 4, 8 + header.length + byteLength - 4);
      // Node itself does not: it would say that a length is out of range.
      await expect(file.read(new Uint8Array(byteLength), 0, byteLength, 0)).rejects.toThrow(RangeError);
      await file.close();
      await using source = await openFolder(folder, disk as unknown as NodeFiles);
      const [tensor] = await safetensorsIn((await source.open('model.safetensors'))!, undefined);
      expect(tensor!.byteLength).toBe(byteLength);
      expect(decode(await tensor!.read(undefined, byteLength - 8, 8), 'f32')).toEqual(Float32Array.of(0, 7));
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
