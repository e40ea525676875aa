import type { Engine, SsError } from '@ss/core';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { engineOf } from '../../test/engine-of.ts';
import { failureOf } from '../../test/failure.ts';
import { FileServer, writeEndlessly } from '../../test/file-server.ts';
import { tinyConfig, tinyFiles, tinyTensors } from '../../test/tiny-checkpoint.ts';
import type { Files } from '../../test/tiny-checkpoint.ts';
import { loadModel } from '../load-model.ts';

// What becomes of a model that is read by HTTP ranges when one of them is not what it should be.

const sound = tinyFiles();
let engine: Engine;
let server: FileServer;

beforeAll(async () => {
  engine = await engineOf();
  server = await FileServer.start(sound);
});
beforeEach(() => void Object.assign(server, { files: sound, misbehave: () => false }));
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await engine.dispose();
});

const nothingIsLeft = (): void =>
  expect(engine.memory()).toMatchObject({ tensorBytes: 0, storages: 0, liveBytes: 0, liveBuffers: 0 });

async function load(): Promise<SsError> {
  const error = await failureOf(loadModel(server.base, { engine }));
  nothingIsLeft();
  return error;
}

const large = (seed: number): Files => {
  const rows = 400_000;
  const embedding = Float32Array.from({ length: 8 * rows }, (_, i) => Math.sin(seed + i));
  const tensors = tinyTensors();
  const bytes = new Uint8Array(embedding.buffer);
  // Last, so that the small tensors are read from one window and this one from others.
  const { 'backbone.embeddings.weight': _, ...small } = tensors;
  const all = {
    ...small,
    'backbone.embeddings.weight': { dtype: 'f32', shape: [rows, 8], bytes },
  } as const;
  return tinyFiles(all, { ...tinyConfig, vocab_size: rows });
};
const [before, after] = [large(1), large(2)];
const shorter = { ...after, 'model.safetensors': after['model.safetensors']!.subarray(0, 1_000_000) };

/** Loads while the files are replaced after the first tensor. */
async function replacedBy(files: Files): Promise<SsError> {
  let isReplaced = false;
  const onProgress = (event: { phase: string }): void => {
    if (event.phase === 'weights' && !isReplaced) [isReplaced, server.files] = [true, files];
  };
  server.files = before;
  const error = await failureOf(loadModel(server.base, { engine, onProgress }));
  expect(isReplaced).toBe(true);
  nothingIsLeft();
  return error;
}

test.for([
  ['a strong tag', (bytes: Uint8Array) => ({ etag: `"${bytes.at(-1)}"` }), after],
  ['a weak tag', (bytes: Uint8Array) => ({ etag: `W/"${bytes.at(-1)}"` }), after],
  [
    'a date',
    (bytes: Uint8Array) => ({ 'last-modified': `Sat, 28 Nov 2026 00:00:${bytes.at(-1)} GMT` }),
    after,
  ],
  ['nothing but its length', () => ({}), shorter],
] as const)(
  'of a file that was replaced is told by %s',
  async ([, validators, files], { onTestFinished }) => {
    const usual = server.validators;
    onTestFinished(() => void (server.validators = usual));
    server.validators = validators;
    expect(await replacedBy(files)).toMatchObject({ code: 'source-changed' });
  },
);

test('of a server that a page may not see the lengths of is read all the same', async () => {
  for (const withLength of [true, false]) {
    server.misbehave = (name, request, response, bytes) => {
      const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
      if (bytes === undefined || from === undefined) return false;
      const part = bytes.subarray(Number(from), to ? Number(to) + 1 : undefined);
      response.writeHead(206, withLength ? { 'content-length': part.length } : {});
      response.write(part);
      response.end();
      return true;
    };
    await using model = await loadModel(server.base, { engine });
    expect(model.fingerprint, String(withLength)).toMatch(/^2-/);
  }
});

test.for([
  ['begins elsewhere', (from: number, to: number, size: number) => `bytes ${from + 1}-${to + 1}/${size}`],
  ['is longer', (from: number, to: number, size: number) => `bytes ${from}-${to + 5}/${size}`],
  ['is of another length', (from: number, to: number, size: number) => `bytes ${from}-${to}/${size + 1}`],
] as const)('that says it %s is not taken', async ([, contentRange]) => {
  server.misbehave = (name, request, response, bytes) => {
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
    if (name !== 'model.safetensors' || to === '0') return false;
    const part = bytes!.subarray(Number(from), Number(to) + 1);
    response
      .writeHead(206, { 'content-range': contentRange(Number(from), Number(to), bytes!.length) })
      .end(part);
    return true;
  };
  const error = await load();
  expect(error.code).toMatch(/^source-(unavailable|changed)$/);
});

test('that never ends is not read on', async () => {
  let taken = { bytes: 0 } as { readonly bytes: number };
  server.misbehave = (name, request, response, bytes) => {
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
    if (name !== 'model.safetensors' || to === '0') return false;
    response.writeHead(206, { 'content-range': `bytes ${from}-${to}/${bytes!.length}` });
    taken = writeEndlessly(response);
    return true;
  };
  expect(await load()).toMatchObject({ code: 'source-unavailable' });
  expect(taken.bytes).toBeLessThan(64 * 2 ** 20);
});

test.for([200, 401, 404, 416, 500])('that is answered with %s later is one coded error', async (status) => {
  server.misbehave = (name, request, response) => {
    if (name !== 'model.safetensors' || request.headers.range === 'bytes=0-0') return false;
    response.writeHead(status).end('x');
    return true;
  };
  expect((await load()).code).toMatch(/^source-(unavailable|changed)$/);
});
