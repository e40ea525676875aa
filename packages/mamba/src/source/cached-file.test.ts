import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { failureOf } from '../../test/failure.ts';
import { FakeCaches } from '../../test/fake-caches.ts';
import { blobs, json, tinyConfig, tinyFiles, tinyTensors } from '../../test/tiny-checkpoint.ts';
import type { Files } from '../../test/tiny-checkpoint.ts';
import { loadModel } from '../load-model.ts';
import type { LoadModelOptions } from '../load-model.ts';
import type { LoadProgress } from '../progress.ts';
import type { CacheStorageLike } from './cached-file.ts';

const prompt = [3, 1, 4, 1, 5];
let caches: FakeCaches;
let files: Files;
let server: Server;
let base: string;
let requests: string[];
let answer: (name: string, request: IncomingMessage, response: ServerResponse) => boolean;

function serve(request: IncomingMessage, response: ServerResponse): void {
  const name = request.url!.split('/').at(-1)!;
  requests.push(`${request.method} ${name}${request.headers.range ? ' range' : ''}`);
  if (answer(name, request, response)) return;
  const bytes = files[name];
  if (bytes === undefined) return void response.writeHead(404).end();
  const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
  const headers = { etag: `"${bytes.length}-${bytes.reduce((sum, byte) => (sum * 31 + byte) % 65_521, 7)}"` };
  if (from === undefined) {
    response.writeHead(200, { ...headers, 'content-length': bytes.length });
    return void response.end(request.method === 'HEAD' ? undefined : bytes);
  }
  response
    .writeHead(206, { ...headers, 'content-range': `bytes ${from}-${to}/${bytes.length}` })
    .end(bytes.subarray(Number(from), Number(to) + 1));
}

beforeEach(async () => {
  [caches, files, requests, answer] = [new FakeCaches(), tinyFiles(), [], () => false];
  server = createServer(serve);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/tiny`;
});

afterEach(async () => {
  vi.unstubAllGlobals();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

async function logits(options: LoadModelOptions = {}): Promise<Float32Array> {
  await using model = await loadModel(base, { backend: 'reference', cache: caches, ...options });
  return await model.logits(prompt);
}

async function expected(): Promise<Float32Array> {
  await using model = await loadModel(blobs(files), { backend: 'reference' });
  return await model.logits(prompt);
}

const bodies = (): string[] => requests.filter((line) => line.startsWith('GET model'));

describe('a cache', () => {
  test('keeps whole files, which then are only asked after', async () => {
    expect(await logits()).toEqual(await expected());
    expect(bodies()).toEqual(['GET model.safetensors']);
    expect(caches.files).toEqual(['config.json', 'model.safetensors']);
    requests.length = 0;
    expect(await logits()).toEqual(await expected());
    expect(bodies()).toEqual([]);
    expect(requests).toContain('HEAD model.safetensors');
  });

  test('serves when the server is gone', async () => {
    const online = await logits();
    answer = (_name, request) => {
      request.socket.destroy();
      return true;
    };
    expect(await logits()).toEqual(online);
  });

  test('knows without the server that there was a page in place of a file', async () => {
    answer = (name, request, response) => {
      if (files[name]) return false;
      response.writeHead(200, { 'content-type': 'text/html' });
      response.end(request.method === 'HEAD' ? undefined : '<!doctype html>');
      return true;
    };
    const online = await logits();
    requests.length = 0;
    expect(await logits()).toEqual(online);
    expect(requests.filter((line) => line.startsWith('GET'))).toEqual([]);
    answer = (_name, request) => {
      request.socket.destroy();
      return true;
    };
    expect(await logits()).toEqual(online);
  });

  test('serves when the server does not answer such questions', async () => {
    const online = await logits();
    answer = (_name, request, response) =>
      request.method === 'HEAD' && response.writeHead(405).end() !== undefined;
    requests.length = 0;
    expect(await logits()).toEqual(online);
    expect(bodies()).toEqual([]);
  });

  test('gives way to a new version, to none, and to one again', async () => {
    const before = await logits();
    files = tinyFiles(tinyTensors({ untied: true }));
    expect(await logits()).toEqual(await expected());
    expect(await logits()).not.toEqual(before);
    files = { 'config.json': json(tinyConfig) };
    expect(await failureOf(logits())).toMatchObject({ code: 'checkpoint-missing' });
    files = tinyFiles();
    expect(await logits()).toEqual(before);
    files = { 'config.json': json(tinyConfig) };
    await failureOf(logits());
    expect(caches.files).toEqual(['config.json']);
  });

  test('that lost a part of a file gets it again', async () => {
    await logits();
    const [url, entry] = [...caches.kept].find(([key]) => key.endsWith('safetensors'))!;
    caches.kept.set(url, { ...entry, bytes: entry.bytes.slice(0, 100) });
    expect(await logits()).toEqual(await expected());
    expect(caches.kept.get(url)!.bytes.byteLength).toBe(files['model.safetensors']!.length);
  });

  test('that is full is done without', async () => {
    caches.full = true;
    expect(await logits()).toEqual(await expected());
    expect(caches.files).toEqual([]);
    expect(bodies()).toContain('GET model.safetensors range');
  });

  test('that fails is done without, with a warning', async () => {
    caches.broken = new DOMException('Gone.', 'InvalidStateError');
    await using model = await loadModel(base, { backend: 'reference', cache: caches });
    expect(await model.logits(prompt)).toEqual(await expected());
    expect(model.warnings).toContainEqual(expect.objectContaining({ code: 'cache-unavailable' }));
  });

  test('that pages may not open is done without', async () => {
    const forbidden: CacheStorageLike = {
      open: () => Promise.reject(new DOMException('No.', 'SecurityError')),
    };
    expect(await logits({ cache: forbidden })).toEqual(await expected());
  });

  test('does not keep what broke off', async () => {
    answer = (name, request, response) => {
      if (name !== 'model.safetensors' || request.method === 'HEAD') return false;
      response.writeHead(200, { 'content-length': files[name]!.length });
      response.write(files[name]!.subarray(0, 100), () => setTimeout(() => response.destroy(), 20));
      return true;
    };
    expect(await failureOf(logits())).toMatchObject({ code: 'source-unavailable' });
    expect(caches.files).toEqual(['config.json']);
  });

  test('is left alone by an abort', async () => {
    const controller = new AbortController();
    const onProgress = (event: LoadProgress): void => {
      if (event.phase === 'download' && event.file === 'model.safetensors') controller.abort();
    };
    answer = (name, request, response) => {
      if (name !== 'model.safetensors' || request.method === 'HEAD') return false;
      response.writeHead(200, { 'content-length': files[name]!.length }).write(files[name]!.subarray(0, 100));
      return true;
    };
    const error = await failureOf(logits({ signal: controller.signal, onProgress }));
    expect(error).toMatchObject({ code: 'aborted' });
    expect(caches.files).toEqual(['config.json']);
  });

  test('tells how many bytes have come', async () => {
    const events: LoadProgress[] = [];
    await logits({ onProgress: (event) => events.push(event) });
    const told = events.filter((event) => event.phase === 'download' && event.file === 'model.safetensors');
    const total = files['model.safetensors']!.length;
    expect(told.at(-1)).toMatchObject({ bytes: total, total });
  });

  test('passes on what progress throws', async () => {
    const onProgress = (event: LoadProgress): void => {
      if (event.phase === 'download') throw new RangeError('enough');
    };
    await expect(logits({ onProgress })).rejects.toThrow(new RangeError('enough'));
  });
});

describe('cache: true', () => {
  test('is that of the browser', async () => {
    vi.stubGlobal('caches', caches);
    await logits({ cache: true });
    expect(new Set(caches.opened)).toEqual(new Set(['@ss/mamba']));
    expect(caches.files.length).toBe(2);
  });

  test('is none where there is none, and so is false', async () => {
    vi.stubGlobal('caches', undefined);
    expect(await logits({ cache: true })).toEqual(await expected());
    vi.stubGlobal('caches', caches);
    await logits({ cache: false });
    await logits({ cache: undefined });
    expect(caches.opened).toEqual([]);
    expect(bodies().every((line) => line.endsWith('range'))).toBe(true);
  });
});
