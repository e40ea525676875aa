import { readFileSync } from 'node:fs';
import { decode, dtypes, elementSpan, forEachPosition, SsError } from '@ss/core';
import { describe, expect, test } from 'vitest';
import { pickleOps } from '../../test/pickle.ts';
import { rebuilt, zip } from '../../test/torch-archive.ts';
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
])('a pickle with %s is refused', async (_what, bytes) => {
  await expect(unpickle(Uint8Array.from(bytes), 'x')).rejects.toThrow(SsError);
});

describe('a few bytes that describe much', () => {
  const { call, dictionary, global, int, text, tuple, whole } = pickleOps;
  const archive = (pickle: Uint8Array, storage = new Uint8Array(64)): Uint8Array =>
    zip([
      ['a/data.pkl', pickle],
      ['a/data/0', storage],
    ]);
  /** A tuple of two times a tuple of two times ...: `depth` steps, 2 ^ depth leaves. */
  const shared = (depth: number): number[] => {
    const doubled = Array.from({ length: depth }, (_, i) => [0x71, i, 0x68, i, 0x86]);
    return [...int(1), ...doubled.flat()];
  };
  const storageOf = (key: number[]): number[] => [
    ...tuple(text('storage'), global('torch', 'FloatStorage'), key, text('cpu'), int(1)),
    0x51,
  ];
  const tensorOf = (storage: number[], shape = tuple(int(1)), strides = tuple(int(1))): number[] =>
    call(global('torch._utils', '_rebuild_tensor_v2'), storage, int(0), shape, strides, [0x89], [0x4e]);
  const huge = tuple(...Array.from({ length: 100 }, () => int(1)));
  const nested = (depth: number): number[] => {
    const callee = global('torch._utils', '_rebuild_parameter');
    return [
      ...Array.from({ length: depth }, () => [...callee, 0x28]).flat(),
      0x4e,
      ...Array.from({ length: depth }, () => [0x74, 0x52]).flat(),
    ];
  };
  const [empties, dictionaries, many] = [0x29, 0x7d, 0x4e].map((opcode) =>
    new Uint8Array(15_000_000).fill(opcode),
  );

  test.for([
    ['the key of a storage', dictionary(text('w'), tensorOf(storageOf(shared(60))))],
    ['a name', dictionary(shared(60), rebuilt('f32', 0, [1]))],
    ['a tensor', dictionary(text('w'), shared(60))],
    ['a shape', dictionary(text('w'), tensorOf(storageOf(text('0')), shared(60)))],
    ['a class', [...shared(60), ...text('x'), 0x93]],
    ['all of it', shared(60)],
    ['more dimensions than PyTorch has', dictionary(text('w'), tensorOf(storageOf(text('0')), huge, huge))],
    ['parameters of parameters', dictionary(text('w'), nested(3000))],
    ['a stride of 0', dictionary(text('w'), rebuilt('f32', 0, [2 ** 20, 1024], [0, 0]))],
    ['strides that overlap', dictionary(text('w'), rebuilt('f32', 0, [8, 8], [1, 1]))],
    [
      'many names of one storage',
      dictionary(
        ...Array.from({ length: 500 }, (_, i) => [
          ...text(String(i)),
          ...(i === 0 ? [...rebuilt('f32', 0, [16]), 0x71, 1] : [0x68, 1]),
        ]),
      ),
    ],
  ] as const)('as %s is refused', async ([, pickle]) => {
    expect(await codeOf(archive(whole(pickle)))).toBe('checkpoint-pickle');
  });

  test.for([
    ['empty tuples', empties],
    ['dictionaries', dictionaries],
    ['values that nobody takes', many],
  ] as const)('as 15 MB of %s is refused before much of it is made', async ([, pickle]) => {
    const before = process.memoryUsage().heapUsed;
    expect(await codeOf(archive(pickle!))).toBe('checkpoint-pickle');
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(2 ** 30);
  });

  test('as 40 MB is refused before it is read', async () => {
    const bytes = archive(new Uint8Array(40_000_000).fill(0x5d));
    let read = 0;
    const { name, size, read: readBytes } = file(bytes);
    const counted = {
      name,
      size,
      read: (at: number, length: number) => ((read += length), readBytes(at, length)),
    };
    await expect(readTorchCheckpoint(counted)).rejects.toMatchObject({ code: 'checkpoint-pickle' });
    expect(read).toBeLessThan(2 ** 20);
  });

  test('leaves the thread to others while it is read', async () => {
    let turns = 0;
    const timer = setInterval(() => turns++, 0);
    await codeOf(archive(new Uint8Array(2_000_000).fill(0x4e)));
    clearInterval(timer);
    expect(turns).toBeGreaterThan(3);
  });
});
