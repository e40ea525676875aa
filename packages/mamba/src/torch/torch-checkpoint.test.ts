import { readFileSync } from 'node:fs';
import { decode, dtypes, elementSpan, forEachPosition, SsError } from '@ss/core';
import { describe, expect, test } from 'vitest';
import { readTorchCheckpoint } from './torch-checkpoint.ts';
import type { TorchTensor } from './torch-checkpoint.ts';
import { unpickle } from './unpickle.ts';
import type { RandomAccess } from './zip-directory.ts';

// The fixtures are files of a real torch.save; fixtures/make.py says what is in them.
const fixture = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`fixtures/${name}`, import.meta.url)));

function file(bytes: Uint8Array): RandomAccess {
  return {
    name: 'model.bin',
    size: bytes.length,
    read: async (offset, length) => bytes.slice(offset, offset + length),
  };
}

function valuesOf(bytes: Uint8Array, tensor: TorchTensor): (number | bigint)[] {
  const { offset, size } = tensor.storage;
  const data = decode(bytes.subarray(offset, offset + size), tensor.dtype);
  const out: (number | bigint)[] = [];
  forEachPosition(tensor, (position) => out.push(data[position]!));
  return out;
}

async function codeOf(bytes: Uint8Array): Promise<string> {
  try {
    await readTorchCheckpoint(file(bytes));
  } catch (error) {
    return SsError.is(error) ? error.code : `not ours: ${String(error)}`;
  }
  return 'read';
}

const expected = {
  plain: { dtype: 'f32', shape: [2, 2], values: [1.5, -2, 3.25, 4] },
  half: { dtype: 'f16', shape: [2], values: [1, 0.5] },
  bfloat: { dtype: 'bf16', shape: [2], values: [1, 3] },
  ids: { dtype: 'i64', shape: [3], values: [1n, -2n, 3n] },
  view: { dtype: 'f32', shape: [2, 2], values: [4, 6, 8, 10] },
  tied: { dtype: 'f32', shape: [12], values: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11] },
  scalar: { dtype: 'f32', shape: [], values: [7] },
  parameter: { dtype: 'f32', shape: [1], values: [0.125] },
};

describe('a file of torch.save', () => {
  test.each(['tensors.bin', 'trainer.bin'])('%s: every dtype, view and shared storage', async (name) => {
    const bytes = fixture(name);
    const tensors = await readTorchCheckpoint(file(bytes));
    const found = Object.fromEntries(
      tensors.map((t) => [t.name, { dtype: t.dtype, shape: t.shape, values: valuesOf(bytes, t) }]),
    );
    expect(found).toEqual(expected);
    const storage = (tensor: string): unknown => tensors.find((t) => t.name === tensor)!.storage;
    expect(storage('view')).toBe(storage('tied'));
  });

  test('code is refused by name and never run', async () => {
    await expect(readTorchCheckpoint(file(fixture('evil.bin')))).rejects.toThrow(/names (posix|nt)\.system/);
  });

  test('a compressed archive is refused before anything is unpacked', async () => {
    await expect(readTorchCheckpoint(file(fixture('bomb.bin')))).rejects.toThrow(/compressed/);
  });

  test('cut off anywhere, it ends in one coded error', async () => {
    const bytes = fixture('tensors.bin');
    for (let length = 0; length < bytes.length; length += 7) {
      expect(await codeOf(bytes.subarray(0, length))).toMatch(/^checkpoint-(truncated|pickle)$/);
    }
  });

  test('with any byte changed, it is read within its bounds or ends in one coded error', async () => {
    const original = fixture('tensors.bin');
    for (let at = 0; at < original.length; at++) {
      for (const flip of [0x01, 0x80, 0xff]) {
        const bytes = original.slice();
        bytes[at]! ^= flip;
        const code = await codeOf(bytes);
        expect(code, `byte ${at} ^ ${flip}`).toMatch(/^(read|checkpoint-(truncated|pickle|dtype))$/);
        if (code !== 'read') continue;
        for (const tensor of await readTorchCheckpoint(file(bytes))) {
          const { end } = elementSpan(tensor);
          expect(tensor.storage.offset + end * dtypes[tensor.dtype].bytes).toBeLessThanOrEqual(bytes.length);
        }
      }
    }
  });
});

test.each([
  ['an empty stack', [0x80, 2, 0x2e]],
  ['an unknown opcode', [0x80, 2, 0x69, 0x2e]],
  ['a missing mark', [0x80, 2, 0x75, 0x2e]],
  ['an item that was never stored', [0x80, 2, 0x68, 9, 0x2e]],
  ['no end', [0x80, 2, 0x4e]],
  ['text longer than the file', [0x80, 2, 0x58, 0xff, 0xff, 0xff, 0x7f, 0x2e]],
  ['an old protocol', [0x80, 0, 0x4e, 0x2e]],
])('a pickle with %s is refused', (_what, bytes) => {
  expect(() => unpickle(Uint8Array.from(bytes), 'x')).toThrow(SsError);
});
