import { describe, expect, test } from 'vitest';
import { blobFile } from '../source/blobs.ts';
import { readHeader } from './header.ts';
import { writeSafetensors } from './write.ts';

/** A file with any header and any amount of data. */
function file(
  header: string | Uint8Array,
  dataBytes = 0,
  claimedLength?: bigint,
): ReturnType<typeof blobFile> {
  const bytes = typeof header === 'string' ? new TextEncoder().encode(header) : header;
  const all = new Uint8Array(8 + bytes.length + dataBytes);
  new DataView(all.buffer).setBigUint64(0, claimedLength ?? BigInt(bytes.length), true);
  all.set(bytes, 8);
  return blobFile('model.safetensors', new Blob([all]));
}

const tensor = (fields: object): string =>
  JSON.stringify({ w: { dtype: 'F32', shape: [2], data_offsets: [0, 8], ...fields } });
const two = (a: readonly number[], b: readonly number[]): string =>
  JSON.stringify({
    a: { dtype: 'U8', shape: [a[1]! - a[0]!], data_offsets: a },
    b: { dtype: 'U8', shape: [b[1]! - b[0]!], data_offsets: b },
  });

describe('a sound file', () => {
  test('gives back what was written', async () => {
    const bytes = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
    const written = writeSafetensors(
      {
        a: { dtype: 'f16', shape: [2, 2], bytes },
        empty: { dtype: 'f32', shape: [0], bytes: new Uint8Array() },
      },
      { made: 'here' },
    );
    const { tensors, metadata } = await readHeader(blobFile('x', new Blob([written])));
    expect(metadata).toEqual({ made: 'here' });
    expect(tensors.get('a')).toMatchObject({ dtype: 'f16', stored: 'F16', shape: [2, 2], byteLength: 8 });
    const { offset } = tensors.get('a')!;
    expect(written.subarray(offset, offset + 8)).toEqual(bytes);
    expect(tensors.get('empty')).toMatchObject({ shape: [0], byteLength: 0 });
  });

  test('may have metadata of any length', async () => {
    const note = `${'x'.repeat(10_000_000)}${'\\"'.repeat(1_000_000)}`;
    const written = writeSafetensors({}, { note });
    expect((await readHeader(blobFile('x', new Blob([written])))).metadata).toEqual({ note });
  });

  test('may hold tensors in any order, of dtypes no op knows', async () => {
    const header = JSON.stringify({
      b: { dtype: 'BOOL', shape: [2], data_offsets: [4, 6] },
      a: { dtype: 'F32', shape: [1], data_offsets: [0, 4] },
    });
    const { tensors } = await readHeader(file(header, 6));
    expect(tensors.get('b')).toMatchObject({ stored: 'BOOL', dtype: undefined });
  });
});

test.for([
  ['is deep', file('['.repeat(1_000_000)), 'checkpoint-invalid', '1000000 deep'],
  ['is wide', file(`{"a":[${'[],'.repeat(2_000_000)}0]}`), 'checkpoint-invalid', 'values'],
  [
    'is shorter than a length',
    blobFile('m', new Blob([new Uint8Array(7)])),
    'checkpoint-truncated',
    'too few',
  ],
  [
    'claims more header than it has bytes',
    file('{}', 0, 1000n),
    'checkpoint-truncated',
    'header of 1000 bytes',
  ],
  ['claims an absurd header', file('{}', 0, 2n ** 63n), 'checkpoint-invalid', '9223372036854775808'],
  ['has a header that is not JSON', file('{'), 'checkpoint-invalid', 'not JSON'],
  ['has a header that is not UTF-8', file(Uint8Array.of(0x7b, 0xff, 0x7d)), 'checkpoint-invalid', 'not JSON'],
  ['has a list for a header', file('[]'), 'checkpoint-invalid', 'not an object'],
  ['has null for a header', file('null'), 'checkpoint-invalid', 'not an object'],
  ['has metadata that is not text', file('{"__metadata__":{"a":1}}'), 'checkpoint-invalid', 'metadata'],
  ['has an entry that is no object', file('{"w":3}'), 'checkpoint-invalid', 'w'],
  [
    'names a tensor twice',
    file(
      `{"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"w":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`,
      2,
    ),
    'checkpoint-invalid',
    'names w twice',
  ],
  [
    'names a tensor twice by an escape',
    file(
      String.raw`{"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"\u0077":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`,
      2,
    ),
    'checkpoint-invalid',
    'names w twice',
  ],
  [
    'gives a tensor two shapes',
    file('{"w":{"dtype":"U8","shape":[1],"shape":[2],"data_offsets":[0,2]}}', 2),
    'checkpoint-invalid',
    'names shape twice',
  ],
  [
    'has an unknown dtype',
    file(tensor({ dtype: 'F4' }), 8),
    'checkpoint-invalid',
    'w in the unknown dtype "F4"',
  ],
  [
    'has a dtype from the prototype of objects',
    file(tensor({ dtype: 'toString' }), 8),
    'checkpoint-invalid',
    'unknown dtype',
  ],
  ['has a shape that is a number', file(tensor({ shape: 2 }), 8), 'checkpoint-invalid', 'w the shape 2'],
  ['has a negative extent', file(tensor({ shape: [-2] }), 8), 'checkpoint-invalid', 'w the shape [-2]'],
  ['has a fractional extent', file(tensor({ shape: [1.5] }), 8), 'checkpoint-invalid', 'w the shape [1.5]'],
  [
    'has an absurd shape',
    file(tensor({ shape: [2 ** 40, 2 ** 40] }), 8),
    'checkpoint-invalid',
    'more than any memory',
  ],
  ['has no offsets', file(tensor({ data_offsets: undefined }), 8), 'checkpoint-invalid', 'w the offsets'],
  [
    'has three offsets',
    file(tensor({ data_offsets: [0, 4, 8] }), 8),
    'checkpoint-invalid',
    'w the offsets [0,4,8]',
  ],
  ['has offsets that go back', file(tensor({ data_offsets: [8, 0] }), 8), 'checkpoint-invalid', 'w -8 bytes'],
  [
    'has offsets that are not numbers',
    file(tensor({ data_offsets: ['0', '8'] }), 8),
    'checkpoint-invalid',
    'w the offsets',
  ],
  [
    'lies about a length',
    file(tensor({ data_offsets: [0, 4] }), 4),
    'checkpoint-invalid',
    'w 4 bytes where F32 (2) takes 8',
  ],
  ['ends inside a tensor', file(tensor({}), 7), 'checkpoint-truncated', 'inside w'],
  [
    'has offsets beyond its end',
    file(tensor({ data_offsets: [1000, 1008] }), 8),
    'checkpoint-truncated',
    'inside w',
  ],
  ['has overlapping tensors', file(two([0, 4], [2, 6]), 6), 'checkpoint-invalid', 'b overlapping a'],
  ['has two tensors in one place', file(two([0, 4], [0, 4]), 4), 'checkpoint-invalid', 'b overlapping a'],
  ['has a hole', file(two([0, 4], [5, 6]), 6), 'checkpoint-invalid', '1 bytes before b'],
  ['has bytes at its end', file(tensor({}), 9), 'checkpoint-invalid', '1 bytes after'],
] as const)('a file that %s is refused', async ([, hostile, code, part]) => {
  const error = await readHeader(hostile).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toMatchObject({ code });
  expect((error as Error).message).toContain(part);
});
