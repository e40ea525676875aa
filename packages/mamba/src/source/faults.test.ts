import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Engine, SsError } from '@ss/core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { engineOf } from '../../test/engine-of.ts';
import { failureOf } from '../../test/failure.ts';
import { FakeCaches } from '../../test/fake-caches.ts';
import { FileServer, writeEndlessly } from '../../test/file-server.ts';
import { HubServer } from '../../test/hub-server.ts';
import { blobs, json, tinyFiles, tinyTensors } from '../../test/tiny-checkpoint.ts';
import type { Files } from '../../test/tiny-checkpoint.ts';
import { torchArchive, zip } from '../../test/torch-archive.ts';
import { loadModel } from '../load-model.ts';
import type { LoadModelOptions } from '../load-model.ts';
import { writeSafetensors } from '../safetensors/write.ts';
import type { ModelSource } from './open-source.ts';

const bytesOf = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0));
const tokenizer = json({ model: { type: 'BPE', vocab: { a: 0, b: 1 }, merges: [] } });
const sound: Files = {
  ...tinyFiles(),
  'generation_config.json': json({ eos_token_id: 0 }),
  'tokenizer.json': tokenizer,
  'tokenizer_config.json': json({}),
};
const { 'model.safetensors': weights, ...rest } = sound;
const torch: Files = { ...rest, 'pytorch_model.bin': torchArchive(tinyTensors()) };
const sharded = {
  ...rest,
  'model-00001-of-00001.safetensors': weights!,
  'model.safetensors.index.json': json({
    weight_map: Object.fromEntries(
      Object.keys(tinyTensors()).map((name) => [name, 'model-00001-of-00001.safetensors']),
    ),
  }),
};

let engine: Engine;
let folder: string;
let server: FileServer;
let hub: HubServer;
let caches: FakeCaches;

beforeAll(async () => {
  engine = await engineOf();
  server = await FileServer.start({});
  hub = await HubServer.start();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await hub[Symbol.asyncDispose]();
  await engine.dispose();
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ss-faults-'));
  Object.assign(server, { misbehave: () => false, isWhole: false });
  hub.answer = () => false;
  caches = new FakeCaches();
  return () => rm(folder, { recursive: true });
});

/** Every way to a model: puts files there and says how they are loaded. */
const places: Readonly<Record<string, (files: Files) => Promise<readonly [ModelSource, LoadModelOptions?]>>> =
  {
    'a folder': async (files) => {
      for (const [name, bytes] of Object.entries(files)) await writeFile(join(folder, name), bytes);
      return [folder];
    },
    'a list of files': async (files) => [blobs(files)],
    'a URL': async (files) => {
      server.files = files;
      return [server.base];
    },
    'a URL without ranges': async (files) => {
      Object.assign(server, { files, isWhole: true });
      return [server.base];
    },
    'a cached URL': async (files) => {
      server.files = files;
      return [server.base, { cache: caches }];
    },
    'a hub': async (files) => {
      hub.repositories['a/b'] = { sha: 'c'.repeat(40), files };
      return ['a/b', { hub: { endpoint: hub.endpoint, cacheDir: folder } }];
    },
  };
const placeNames = Object.keys(places);
const remote = placeNames.filter((name) => name.includes('URL'));

async function load(place: string, files: Files): Promise<SsError | 'loaded'> {
  const [source, options] = await places[place]!(files);
  try {
    const loading = loadModel(source, { engine, ...options }).then((model) => model.dispose());
    return await failureOf(loading).catch((error: Error) => {
      if (error.message === 'It was expected to fail.') return 'loaded';
      throw error;
    });
  } finally {
    expect(engine.memory()).toMatchObject({ tensorBytes: 0, storages: 0, liveBytes: 0, liveBuffers: 0 });
  }
}

const legacy = '\x80\x02\x8A\x0A\x6C\xFC\x9C\x46\xF9\x20\x6A\xA8\x50\x19.\x80\x02M\xE9\x03.';
const pointer = 'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 516567560\n';
/** What lies under a name that promises something else, and what the error calls it. */
const mistaken: Readonly<Record<string, readonly [bytes: Uint8Array, called: string]>> = {
  'a Git LFS pointer': [bytesOf(pointer), 'Git LFS pointer'],
  'an HTML page': [bytesOf('\n<!DOCTYPE html><html><title>Log in</title></html>'), 'HTML page'],
  'an XML answer': [bytesOf('<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>'), 'XML'],
  'an old torch file': [bytesOf(legacy + '\0'.repeat(100)), 'before PyTorch 1.6'],
  'a GGUF file': [bytesOf(`GGUF\x03${'\0'.repeat(100)}`), 'GGUF'],
  'a gzip file': [gzipSync(weights!), 'gzip'],
  'a NumPy array': [bytesOf('\x93NUMPY\x01\0v\0{}'), 'NumPy'],
  'a NumPy archive': [zip([['w.npy', bytesOf('\x93NUMPY')]]), 'zip archive|npz'],
  'a bare pickle': [bytesOf('\x80\x04\x95\x10\0\0\0\0\0\0\0}.'), 'bare pickle'],
  'a tar archive': [bytesOf(`${'x'.padEnd(257, '\0')}ustar\x0000${'\0'.repeat(300)}`), 'tar archive'],
};
const codes: Readonly<Record<string, string>> = {
  'model.safetensors': 'checkpoint-invalid',
  'model-00001-of-00001.safetensors': 'checkpoint-invalid',
  'model.safetensors.index.json': 'checkpoint-invalid',
  'pytorch_model.bin': 'checkpoint-pickle',
  'config.json': 'config-invalid',
  'generation_config.json': 'config-invalid',
  'tokenizer.json': 'tokenizer-invalid',
  'tokenizer_config.json': 'tokenizer-invalid',
};
const around = (name: string): Files => [sound, torch, sharded].find((files) => name in files)!;

describe.for(placeNames)('from %s', (place) => {
  test.for(['safetensors', 'torch', 'shards'])('a sound model of %s loads', async (kind) => {
    expect(await load(place, { safetensors: sound, torch, shards: sharded }[kind]!)).toBe('loaded');
  });

  test.for(Object.keys(codes))('%s that is something else is called what it is', async (name) => {
    for (const [kind, [bytes, called]] of Object.entries(mistaken)) {
      const error = await load(place, { ...around(name), [name]: bytes });
      expect(error, kind).toMatchObject({ code: codes[name] });
      expect((error as SsError).message, kind).toMatch(new RegExp(called));
      expect((error as SsError).message, kind).toContain(name);
      expect((error as SsError).hint, kind).toBeTruthy();
    }
  });

  test.for(Object.keys(codes))('%s that ends early is one coded error', async (name) => {
    const bytes = around(name)[name]!;
    for (const length of [0, 1, 7, 9, Math.floor(bytes.length / 2), bytes.length - 1]) {
      // An empty object of JSON has no middle.
      if (length >= bytes.length) continue;
      const error = await load(place, { ...around(name), [name]: bytes.subarray(0, length) });
      expect(error, `${length} bytes`).toMatchObject({
        code: name.endsWith('.json') ? codes[name] : 'checkpoint-truncated',
      });
    }
  });

  test('weights that are not there are missed by name', async () => {
    expect(await load(place, rest)).toMatchObject({ code: 'checkpoint-missing' });
    const { 'model-00001-of-00001.safetensors': _, ...shardless } = sharded;
    expect(await load(place, shardless)).toMatchObject({ code: 'checkpoint-missing' });
  });

  test.for(Object.keys(rest))('%s may be missing', async (name) => {
    const { [name]: _, ...others } = sound;
    expect(await load(place, others)).toBe('loaded');
  });

  test('a header that lies is one coded error', async () => {
    const header = (length: bigint): Uint8Array => {
      const copy = weights!.slice();
      new DataView(copy.buffer).setBigUint64(0, length, true);
      return copy;
    };
    for (const length of [0n, 1n, 99_999_999n, 100_000_001n, 2n ** 40n, 2n ** 63n]) {
      const error = await load(place, { ...sound, 'model.safetensors': header(length) });
      expect((error as SsError).code, String(length)).toMatch(/^checkpoint-(invalid|truncated)$/);
    }
  });
});

test('JSON that is more than a description is refused before it is parsed', async () => {
  const deep = '['.repeat(1_000_000);
  const wide = `[${'[],'.repeat(4_100_000)}0]`;
  const long = `{"note": "${'\\n'.repeat(3_000_000)}"}`;
  expect(await load('a list of files', { ...sound, 'config.json': json(deep) })).toMatchObject({
    code: 'config-invalid',
  });
  expect(await load('a list of files', { ...sound, 'tokenizer.json': json(wide) })).toMatchObject({
    code: 'tokenizer-invalid',
  });
  expect(await load('a list of files', { ...sound, 'generation_config.json': json(long) })).toBe('loaded');
});

describe.for(remote)('from %s whose server misbehaves:', (place) => {
  test('a page for whatever there is not is no file', async () => {
    const { 'generation_config.json': _, 'tokenizer_config.json': __, ...some } = sound;
    server.misbehave = (_name, request, response, bytes) => {
      if (bytes) return false;
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
      response.end(request.method === 'HEAD' ? undefined : '<!doctype html><title>App</title>');
      return true;
    };
    expect(await load(place, some)).toBe('loaded');
    expect(await load(place, { ...rest, 'pytorch_model.bin': torch['pytorch_model.bin']! })).toBe('loaded');
    const error = await load(place, rest);
    expect(error).toMatchObject({ code: 'checkpoint-missing' });
    expect((error as SsError).message).toContain('HTML page in place of model.safetensors');
  });

  test.for([
    ['config.json', 'config-invalid|source-unavailable'],
    ['tokenizer.json', 'tokenizer-invalid|source-unavailable'],
  ] as const)('%s that never ends is not read on', async ([name, code]) => {
    const taken: { readonly bytes: number }[] = [];
    server.misbehave = (asked, request, response) => {
      if (asked !== name || request.method === 'HEAD') return false;
      response.writeHead(200);
      taken.push(writeEndlessly(response));
      return true;
    };
    const error = await load(place, sound);
    expect((error as SsError).code).toMatch(new RegExp(`^(${code})$`));
    expect(taken.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThan(200 * 2 ** 20);
  });

  test('a small answer that unpacks to a large one is not unpacked whole', async () => {
    const bomb = gzipSync(new Uint8Array(66 * 2 ** 20).fill(0x20));
    server.misbehave = (name, request, response) => {
      if (name !== 'config.json' || request.method === 'HEAD') return false;
      response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': bomb.length }).end(bomb);
      return true;
    };
    expect(await load(place, sound)).toMatchObject({ code: 'source-unavailable' });
  });

  test.for([401, 403, 429, 500, 503])('%s is one coded error', async (status) => {
    server.misbehave = (name, _request, response) =>
      name === 'model.safetensors' && response.writeHead(status).end('no') !== undefined;
    expect(await load(place, sound)).toMatchObject({ code: 'source-unavailable', details: { status } });
  });

  test('a length that is more or less than what comes is one coded error', async () => {
    for (const wrong of [-10, 10]) {
      server.misbehave = (name, request, response, bytes) => {
        if (name !== 'model.safetensors' || request.method === 'HEAD') return false;
        const { socket } = response;
        response.writeHead(200, { 'content-length': bytes!.length + wrong });
        response.write(bytes, () => setTimeout(() => socket!.destroy(), 10));
        return true;
      };
      const error = await load(place, sound);
      expect((error as SsError).code, String(wrong)).toMatch(/^(source-unavailable|checkpoint-truncated)$/);
    }
  });
});

describe('a tensor that no memory holds', () => {
  // The embedding is last, and said to have 2 TiB.
  const rows = 2 ** 36;
  const { 'backbone.embeddings.weight': _, ...small } = tinyTensors();
  const written = writeSafetensors(small);
  const dataStart = 8 + Number(new DataView(written.buffer).getBigUint64(0, true));
  const end = written.length - dataStart;
  const header = JSON.parse(new TextDecoder().decode(written.subarray(8, dataStart))) as object;
  const text = json({
    ...header,
    'backbone.embeddings.weight': { dtype: 'F32', shape: [rows, 8], data_offsets: [end, end + 32 * rows] },
  });
  const start = new Uint8Array(8 + text.length + end);
  new DataView(start.buffer).setBigUint64(0, BigInt(text.length), true);
  start.set(text, 8);
  start.set(written.subarray(dataStart), 8 + text.length);
  const size = start.length + 32 * rows;

  const ways: Readonly<Record<string, () => Promise<ModelSource>>> = {
    'in a folder': async () => {
      const path = join(folder, 'model.safetensors');
      await writeFile(path, start);
      await truncate(path, size);
      return folder;
    },
    'in a list of files': async () => {
      const blob = Object.defineProperty(new Blob([start]), 'size', { value: size });
      return { 'model.safetensors': blob };
    },
    'at a URL': async () => {
      server.files = {};
      server.misbehave = (name, request, response) => {
        if (name !== 'model.safetensors') return false;
        const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range!)!.map(Number) as [
          number,
          number,
          number,
        ];
        response.writeHead(206, { 'content-range': `bytes ${from}-${to}/${size}` });
        response.write(start.subarray(from, to + 1));
        // The rest of it are zeros, of which nobody waits for more than some.
        response.end(new Uint8Array(Math.max(0, Math.min(2 ** 23, to + 1 - Math.max(from, start.length)))));
        return true;
      };
      return server.base;
    },
  };
  test.for(Object.keys(ways))('%s is one coded error', async (way) => {
    const error = await failureOf(loadModel(await ways[way]!(), { engine }));
    expect(error).toMatchObject({ code: 'out-of-memory' });
    expect(engine.memory()).toMatchObject({ tensorBytes: 0, storages: 0, liveBytes: 0, liveBuffers: 0 });
  });
});
