import { cp, mkdtempDisposable, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { reference } from '@ss/core';
import { expect, test } from 'vitest';
import { runConformance } from '../index.ts';
import { openVectors } from './folder.ts';
import { parseSafetensors } from './safetensors.ts';

const own = join(import.meta.dirname, '../../vectors');
const entry = { op: 'linear', id: 'linear-001' };

test('a folder is opened by path, by file URL and by address', async () => {
  await using server = createServer(async (request, response) => response.end(await readFile(join(own, request.url!.slice(1)))));
  await new Promise<void>((listening) => server.listen(0, 'localhost', listening));
  const { port } = server.address() as AddressInfo;
  const folders = [own, `${own}/`, pathToFileURL(own), pathToFileURL(own).href, `http://localhost:${port}`];
  const expected = await openVectors().tensors(entry);
  expect([...expected.keys()]).toEqual(['in.x', 'in.weight', 'in.bias', 'out.y']);
  for (const folder of folders) expect(await openVectors(folder).tensors(entry)).toEqual(expected);
});

test('a folder that is not there, or has no tensors of a case, is said to be so', async () => {
  await expect(openVectors(join(own, 'nowhere')).index()).rejects.toThrow(/index.json of the vectors cannot be read: ENOENT/);
  await expect(openVectors(own).tensors({ op: 'linear', id: 'linear-999' })).rejects.toThrow(/no tensors of linear-999/);
});

test('vectors of the user are what is tested; unknown ops are skipped', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'vectors-'));
  await cp(join(own, 'linear.safetensors'), join(folder.path, 'linear.safetensors'));
  const index = [entry, { ...entry, id: 'linear-002' }, { op: 'ssdScan', id: 'ssd-000' }];
  await writeFile(join(folder.path, 'index.json'), JSON.stringify(index));
  const run = (): ReturnType<typeof runConformance> =>
    runConformance({ backend: reference(), vectorsDir: folder.path, cases: 'golden/*' });
  expect(await run()).toMatchObject({ passed: 2, failed: 0, skips: [{ op: 'ssdScan', reason: 'the contract has no such op' }] });

  const bytes = await readFile(join(folder.path, 'linear.safetensors'));
  const header = Number(bytes.readBigUInt64LE());
  const { data_offsets: [start] } = JSON.parse(bytes.toString('utf8', 8, 8 + header))['linear-002/out.y'];
  bytes.writeFloatLE(bytes.readFloatLE(8 + header + start) + 1, 8 + header + start);
  await writeFile(join(folder.path, 'linear.safetensors'), bytes);
  expect(await run()).toMatchObject({ passed: 1, failed: 1, failures: [{ id: 'golden/linear/linear-002' }] });
});

test('a file that is not what its header says is refused', () => {
  const file = (header: object, bytes = 0): Uint8Array => {
    const text = new TextEncoder().encode(JSON.stringify(header));
    const all = new Uint8Array(8 + text.length + bytes);
    new DataView(all.buffer).setBigUint64(0, BigInt(text.length), true);
    all.set(text, 8);
    return all;
  };
  const tensor = (dtype: string, shape: number[], data_offsets: number[]): object => ({ x: { dtype, shape, data_offsets } });
  expect(parseSafetensors(file(tensor('F32', [1], [0, 4]), 4), 'f').get('x')!.data).toEqual(new Float64Array(1));
  expect(() => parseSafetensors(new Uint8Array(3), 'f')).toThrow(/shorter than its header/);
  expect(() => parseSafetensors(file({}).subarray(0, 9), 'f')).toThrow(/shorter than its header/);
  expect(() => parseSafetensors(file(tensor('F32', [2], [0, 8]), 4), 'f')).toThrow(/x has 8 bytes/);
  expect(() => parseSafetensors(file(tensor('F32', [2], [0, 4]), 4), 'f')).toThrow(/x has 4 bytes/);
  expect(() => parseSafetensors(file(tensor('F8', [4], [0, 4]), 4), 'f')).toThrow(/unknown dtype F8/);
});
