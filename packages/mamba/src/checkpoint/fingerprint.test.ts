import { decode, encode } from '@ss/core';
import { describe, expect, test } from 'vitest';
import { failureOf } from '../../test/failure.ts';
import { blobs, tinyFiles, tinyTensors } from '../../test/tiny-checkpoint.ts';
import type { Files, Tensors } from '../../test/tiny-checkpoint.ts';
import { torchArchive } from '../../test/torch-archive.ts';
import { loadModel } from '../load-model.ts';
import { writeSafetensors } from '../safetensors/write.ts';
import { readHeader } from '../safetensors/header.ts';
import { blobFile } from '../source/blobs.ts';
import { Fingerprint } from './fingerprint.ts';

async function fingerprintOf(files: Files): Promise<string> {
  await using model = await loadModel(blobs(files), { backend: 'reference' });
  return model.fingerprint;
}

/** Values that bf16 holds, in f32: the low half of every element is zero. */
function roundedToBf16(tensors: Tensors): Tensors {
  const rounded = Object.entries(tensors).map(([name, tensor]) => {
    const values = decode(tensor.bytes, 'f32');
    return [name, { ...tensor, bytes: encode(decode(encode(values, 'bf16'), 'bf16'), 'f32') }] as const;
  });
  return Object.fromEntries(rounded);
}

describe('a fingerprint', () => {
  test('of f32 files with values of bf16 tells a model from one with other values', async () => {
    const tensors = roundedToBf16(tinyTensors());
    const name = 'backbone.layers.0.mixer.in_proj.weight';
    const merged = decode(tensors[name]!.bytes, 'f32').map((x) => 2 * x);
    const other = { ...tensors, [name]: { ...tensors[name]!, bytes: encode(merged, 'f32') } };
    expect(await fingerprintOf(tinyFiles(other))).not.toBe(await fingerprintOf(tinyFiles(tensors)));
  });

  test('is another one for any bit of any tensor', async () => {
    const tensors = tinyTensors();
    const seen = new Set([await fingerprintOf(tinyFiles(tensors))]);
    let changes = 0;
    for (const [name, tensor] of Object.entries(tensors)) {
      for (const at of [0, tensor.bytes.length >> 1, tensor.bytes.length - 1]) {
        const bytes = tensor.bytes.slice();
        bytes[at]! ^= 1 << (at % 8);
        seen.add(await fingerprintOf(tinyFiles({ ...tensors, [name]: { ...tensor, bytes } })));
        changes++;
      }
    }
    expect(seen.size).toBe(changes + 1);
  });

  test('is that of the tensors, in whatever file they are', async () => {
    const files = { 'pytorch_model.bin': torchArchive(tinyTensors()) };
    expect(await fingerprintOf(files)).toBe(await fingerprintOf(tinyFiles()));
  });

  test('does not depend on the pieces that a tensor comes in', () => {
    const bytes = Uint8Array.from({ length: 1003 }, (_, i) => (i * 31) % 251);
    const tensor = { dtype: 'u8', shape: [1003] } as const;
    const inPieces = (step: number, from = bytes): string => {
      const fingerprint = new Fingerprint();
      const one = fingerprint.begin('x', tensor);
      for (let at = 0; at < from.length; at += step) one.add(from.subarray(at, at + step));
      one.end();
      return fingerprint.hex;
    };
    expect(new Set([1003, 16, 32, 512].map((step) => inPieces(step))).size).toBe(1);
    expect(inPieces(16, bytes.with(1002, 9))).not.toBe(inPieces(16));
    // Trailing zeros count, and so does where bytes lie in memory not.
    expect(inPieces(16, bytes.subarray(0, 1000))).not.toBe(
      inPieces(16, bytes.with(1000, 0).subarray(0, 1001)),
    );
    const shifted = new Uint8Array(1004);
    shifted.set(bytes, 1);
    expect(inPieces(16, shifted.subarray(1))).toBe(inPieces(16));
  });

  test('of the version before is refused by that name', async () => {
    await using model = await loadModel(blobs(tinyFiles()), { backend: 'reference' });
    using session = model.session();
    await session.prefill([1, 2, 3]);
    const saved = await session.save();
    const { metadata, tensors } = await readHeader(blobFile('state', new Blob([saved])));
    const old = writeSafetensors(
      Object.fromEntries(
        [...tensors].map(([name, { dtype, shape, offset, byteLength }]) => [
          name,
          { dtype: dtype!, shape, bytes: saved.subarray(offset, offset + byteLength) },
        ]),
      ),
      { ...metadata, model: '0123456789abcdef' },
    );
    const error = await failureOf(model.restore(old));
    expect(error).toMatchObject({ code: 'state-mismatch' });
    expect(error.message).toContain('version 1');
    expect(error.message).toContain('version 2');
  });
});
