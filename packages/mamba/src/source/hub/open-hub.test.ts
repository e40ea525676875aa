import {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rm,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import * as disk from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { failureOf } from '../../../test/failure.ts';
import { writeEndlessly } from '../../../test/file-server.ts';
import { gitDigest, HubServer, sha256, startOf } from '../../../test/hub-server.ts';
import { blobs, json, tinyConfig, tinyFiles, tinyTensors } from '../../../test/tiny-checkpoint.ts';
import type { Files } from '../../../test/tiny-checkpoint.ts';
import { loadModel } from '../../load-model.ts';
import type { LoadModelOptions } from '../../load-model.ts';
import type { LoadProgress } from '../../progress.ts';
import { writeSafetensors } from '../../safetensors/write.ts';
import { loadClient } from './client.ts';
import type { Disk } from './disk.ts';
import type { HubOptions } from './hub-options.ts';
import { lock } from './lock.ts';
import { openHub } from './open-hub.ts';
import type { Source } from '../source.ts';

const id = 'state-spaces/tiny';
const sha = 'a'.repeat(40);
const prompt = [3, 1, 4, 1, 5];
const files: Files = { ...tinyFiles(), 'README.md': json('# tiny') };
const weights = files['model.safetensors']!;
const half = Math.floor(weights.length / 2);

let hub: HubServer;
let cacheDir: string;

beforeEach(async () => {
  hub = await HubServer.start();
  hub.repositories[id] = { sha, files };
  cacheDir = await mkdtemp(join(tmpdir(), 'ss-hub-'));
});

afterEach(async () => {
  await hub[Symbol.asyncDispose]();
  await rm(cacheDir, { recursive: true });
});

const inCache = (...path: string[]): string => join(cacheDir, 'models--state-spaces--tiny', ...path);
const weightsBlob = (): string => inCache('blobs', sha256(weights));

async function logits(options: HubOptions = {}, load: LoadModelOptions = {}): Promise<Float32Array> {
  const given: HubOptions = { endpoint: hub.endpoint, cacheDir, ...options };
  await using model = await loadModel(id, { backend: 'reference', hub: given, ...load });
  return await model.logits(prompt);
}

async function expected(): Promise<Float32Array> {
  await using model = await loadModel(blobs(files), { backend: 'reference' });
  return await model.logits(prompt);
}

/** Sends the weights up to `end` and breaks the connection, `times` times. */
function breakOff(end: number, times = Infinity): void {
  hub.answer = (name, bytes, request, response) => {
    if (name !== 'model.safetensors' || times-- <= 0) return false;
    const start = startOf(request);
    response.writeHead(request.headers.range ? 206 : 200, { 'content-length': bytes.length - start });
    response.write(bytes.subarray(start, end), () => setTimeout(() => response.destroy(), 20));
    return true;
  };
}

describe('a model by its id', () => {
  test('is downloaded, as much of it as is needed, and checked', async () => {
    expect(await logits()).toEqual(await expected());
    expect(hub.requests[0]).toBe('/api/models/state-spaces/tiny/revision/main whole');
    expect(hub.downloads.map((line) => line.split('/').at(-1)).toSorted()).toEqual([
      'config.json whole',
      'model.safetensors whole',
      // Once to be told where it is.
      'model.safetensors whole',
    ]);
  });

  test('lies in the cache as the Hugging Face libraries lay it', async () => {
    await logits();
    expect(await readFile(inCache('refs', 'main'), 'utf8')).toBe(sha);
    expect((await readdir(inCache('blobs'))).toSorted()).toEqual(
      [sha256(weights), gitDigest(files['config.json']!)].toSorted(),
    );
    expect((await readdir(inCache('snapshots', sha))).toSorted()).toEqual([
      'config.json',
      'model.safetensors',
    ]);
    expect(await realpath(inCache('snapshots', sha, 'model.safetensors'))).toBe(
      await realpath(weightsBlob()),
    );
    const { scanCacheDir } = await import('@huggingface/hub');
    const { repos, warnings } = await scanCacheDir(cacheDir);
    expect(warnings).toEqual([]);
    expect(repos.map((repo) => [repo.id.name, repo.filesCount])).toEqual([[id, 2]]);
  });

  test('is not downloaded again', async () => {
    const first = await logits();
    hub.requests.length = 0;
    expect(await logits()).toEqual(first);
    expect(hub.downloads).toEqual([]);
  });

  test('of another commit is another, of which only what differs is downloaded', async () => {
    const first = await logits();
    const other = writeSafetensors(tinyTensors({ untied: true }));
    hub.repositories[id] = { sha: 'b'.repeat(40), files: { ...files, 'model.safetensors': other } };
    hub.requests.length = 0;
    expect(await logits()).not.toEqual(first);
    expect(hub.downloads.some((line) => line.includes('config.json'))).toBe(false);
    expect(await logits({ offline: true, revision: sha })).toEqual(first);
  });

  test('tells how many bytes are there', async () => {
    const events: LoadProgress[] = [];
    await logits({}, { onProgress: (event) => events.push(event) });
    expect(events[0]).toEqual({ phase: 'source', source: id });
    const told = events.flatMap((event) => (event.phase === 'download' ? [event] : []));
    for (const file of ['config.json', 'model.safetensors']) {
      const own = told.filter((event) => event.file === file);
      const bytes = own.map((event) => event.bytes);
      expect(bytes).toEqual(bytes.toSorted((a, b) => a - b));
      expect(own.at(-1)).toMatchObject({ bytes: files[file]!.length, total: files[file]!.length });
    }
  });

  test('may be a revision, a branch of a pull request too', async () => {
    expect(await logits({ revision: 'refs/pr/1' })).toEqual(await logits({ revision: sha }));
    expect(await readFile(inCache('refs', 'refs/pr/1'), 'utf8')).toBe(sha);
    for (const revision of ['../x', 'a/../b', '', 'a b'])
      expect(await failureOf(logits({ revision }))).toMatchObject({ code: 'source-invalid' });
  });

  test('may have shards, or weights of another name', async () => {
    const { 'model.safetensors': own, ...rest } = files;
    hub.repositories[id] = { sha, files: { ...rest, 'consolidated.safetensors': own! } };
    expect(await logits()).toEqual(await expected());
  });

  test('is taken from a folder of that path, if there is one', async () => {
    const before = process.cwd();
    const folder = join(cacheDir, id);
    await mkdir(folder, { recursive: true });
    for (const [name, bytes] of Object.entries(files)) await writeFile(join(folder, name), bytes);
    try {
      process.chdir(cacheDir);
      expect(await logits()).toEqual(await expected());
    } finally {
      process.chdir(before);
    }
    expect(hub.requests).toEqual([]);
  });
});

describe('a connection that breaks', () => {
  test('is made anew, from where it broke', async () => {
    breakOff(half, 1);
    expect(await logits()).toEqual(await expected());
    expect(hub.downloads.at(-1)).toMatch(new RegExp(`${half}-${weights.length - 1}$`));
  });

  test('again and again leaves what came, which the next load goes on from', async () => {
    breakOff(half);
    const error = await failureOf(logits());
    expect(error).toMatchObject({ code: 'source-unavailable', details: { id } });
    expect((await disk.stat(`${weightsBlob()}.incomplete`)).size).toBe(half);
    expect(await readdir(inCache('snapshots', sha))).toEqual(['config.json']);

    hub.answer = () => false;
    hub.requests.length = 0;
    const events: LoadProgress[] = [];
    expect(await logits({}, { onProgress: (event) => events.push(event) })).toEqual(await expected());
    expect(hub.downloads.at(-1)).toContain(`${half}-`);
    expect(events.find(({ phase }) => phase === 'download')).toMatchObject({ bytes: half });
    expect((await readdir(inCache('blobs'))).length).toBe(2);
  });

  test('to a server that is gone says so', async () => {
    await hub[Symbol.asyncDispose]();
    const error = await failureOf(logits());
    expect(error).toMatchObject({ code: 'source-unavailable', details: { endpoint: hub.endpoint } });
    expect(error.hint).toContain('offline');
    hub = await HubServer.start();
  });
});

describe('a file', () => {
  test('that ends before it should is not taken', async () => {
    hub.answer = (name, bytes, request, response) => {
      if (name !== 'model.safetensors') return false;
      response.writeHead(200).end(bytes.subarray(startOf(request), half));
      return true;
    };
    expect(await failureOf(logits())).toMatchObject({
      code: 'checkpoint-truncated',
      details: { wanted: weights.length, got: half },
    });
    expect(await readdir(inCache('snapshots', sha))).toEqual(['config.json']);
  });

  test.for(['model.safetensors', 'config.json'])(
    '%s with another content is not taken, or kept',
    async (wrong) => {
      hub.answer = (name, bytes, _request, response) => {
        if (name !== wrong) return false;
        response.writeHead(200).end(bytes.with(bytes.length - 1, bytes.at(-1)! ^ 1));
        return true;
      };
      expect(await failureOf(logits())).toMatchObject({ code: 'source-corrupt', details: { file: wrong } });
      expect((await readdir(inCache('blobs'))).filter((name) => name.includes('incomplete'))).toEqual([]);
      hub.answer = () => false;
      expect(await logits()).toEqual(await expected());
    },
  );

  test('sent from its start where its end was asked for is not taken', async () => {
    breakOff(half);
    await failureOf(logits());
    hub.answer = (name, bytes, _request, response) =>
      name === 'model.safetensors' && response.writeHead(200).end(bytes) !== undefined;
    expect(await failureOf(logits())).toMatchObject({ code: 'source-corrupt' });
    expect(await logits()).toEqual(await expected());
  });

  test('that was cut in the cache is downloaded again', async () => {
    await logits();
    await truncate(weightsBlob(), half);
    expect(await logits()).toEqual(await expected());
  });
});

describe('a hub that refuses', () => {
  test('says that there is no such model, or no such revision', async () => {
    const options = { backend: 'reference', hub: { endpoint: hub.endpoint, cacheDir } };
    for (const refused of [loadModel('state-spaces/ghost', options), logits({ revision: 'ghost' })]) {
      const error = await failureOf(refused);
      expect(error).toMatchObject({ code: 'source-unavailable', details: { status: 404 } });
      expect(error.message).toContain(hub.endpoint);
    }
  });

  test('a gated model wants the token of somebody who may read it', async () => {
    hub.token = 'hf_right';
    for (const token of [undefined, 'hf_wrong']) {
      const error = await failureOf(logits({ token }));
      expect(error).toMatchObject({ code: 'source-denied', details: { status: 401 } });
      expect(error.hint).toContain('token');
    }
    expect(await logits({ token: 'hf_right' })).toEqual(await expected());
  });

  test('a model without weights is told by what it lacks', async () => {
    hub.repositories[id] = { sha, files: { 'config.json': json(tinyConfig) } };
    expect(await failureOf(logits())).toMatchObject({ code: 'checkpoint-missing' });
  });
});

describe('a token', () => {
  test('goes to the hub alone: not where files are, and not where the next page of a list is said to be', async () => {
    hub.token = 'hf_right';
    await logits({ token: 'hf_right' });
    hub.nextPage = (href) => href.replace(hub.endpoint, hub.elsewhere);
    expect(await failureOf(logits({ token: 'hf_right' }))).toMatchObject({ code: 'source-denied' });
    expect(hub.requests.filter((line) => line.includes('/tree/')).length).toBeGreaterThan(1);
    expect(hub.leaked).toEqual([]);
  });

  test.for(['nowhere', ''])('goes to no endpoint %o', async (endpoint) => {
    expect(await failureOf(logits({ endpoint, token: 'x' }))).toMatchObject({ code: 'source-invalid' });
  });
});

describe('a hub that goes on and on', () => {
  test('with its list of files is left', async () => {
    hub.nextPage = (href) => href.replace(/cursor=\d+/, 'cursor=0');
    expect(await failureOf(logits())).toMatchObject({ code: 'source-unavailable' });
  });

  test('with an answer is left', async () => {
    let taken = { bytes: 0 } as { readonly bytes: number };
    hub.api = (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      taken = writeEndlessly(response);
      return true;
    };
    expect(await failureOf(logits())).toMatchObject({ code: 'source-unavailable' });
    expect(taken.bytes).toBeLessThan(200 * 2 ** 20);
  });

  test('with a file is left, and nothing of it is taken', async () => {
    hub.answer = (name, _bytes, _request, response) => {
      if (name !== 'model.safetensors') return false;
      writeEndlessly(response.writeHead(200));
      return true;
    };
    expect(await failureOf(logits())).toMatchObject({ code: 'source-corrupt' });
    expect((await readdir(inCache('blobs'))).length).toBe(1);
  });
});

describe('a cache', () => {
  const failing = (code: string, names: readonly string[]): Disk =>
    new Proxy(disk as unknown as Disk, {
      get: (target, name) =>
        names.includes(String(name))
          ? () => Promise.reject(Object.assign(new Error(`${code}: no, ${String(name)}`), { code }))
          : Reflect.get(target, name),
    });
  const open = (files: Disk, warnings: unknown[] = []): Promise<Source> =>
    openHub(
      id,
      files,
      { endpoint: hub.endpoint, cacheDir },
      {
        signal: undefined,
        onDownload: () => undefined,
        onWarning: (warning) => warnings.push(warning),
      },
    );

  test('that is a file is one coded error', async () => {
    await writeFile(join(cacheDir, 'file'), 'x');
    for (const path of ['file', 'file/below']) {
      const error = await failureOf(logits({ cacheDir: join(cacheDir, path) }));
      expect(error).toMatchObject({ code: 'source-cache' });
      expect(error.hint).toContain('cacheDir');
      expect((await failureOf(logits({ cacheDir: join(cacheDir, path), offline: true }))).code).toMatch(
        /^source-(cache|unavailable)$/,
      );
    }
  });

  test.for([
    ['EACCES', ['mkdir']],
    ['EROFS', ['mkdir', 'writeFile', 'rename']],
    ['ENOSPC', ['mkdir']],
    ['EACCES', ['open']],
    ['EACCES', ['symlink', 'copyFile']],
    ['EPERM', ['rename']],
  ] as const)('with %s for %o is one coded error', async ([code, names]) => {
    const reading = async (): Promise<void> => {
      await using source = await open(failing(code, names));
      await source.open('model.safetensors');
    };
    expect(await failureOf(reading())).toMatchObject({ code: 'source-cache' });
  });

  test('that is full is told by its own name, not by the network', async () => {
    const full = new Proxy(disk as unknown as Disk, {
      get: (target, name) =>
        name !== 'open'
          ? Reflect.get(target, name)
          : async (path: string, flags: 'a') => {
              const file = await target.open(path, flags);
              return Object.assign(file, {
                appendFile: () =>
                  Promise.reject(Object.assign(new Error('ENOSPC: full'), { code: 'ENOSPC' })),
              });
            },
    });
    await using source = await open(full);
    const error = await failureOf(source.open('model.safetensors'));
    expect(error).toMatchObject({ code: 'source-cache' });
    expect(error.message).toContain('ENOSPC');
  });

  test('that cannot be asked for a folder is one coded error', async () => {
    expect(await failureOf(open(failing('EIO', ['stat'])))).toMatchObject({ code: 'source-unavailable' });
  });

  test('that cannot note the commit is used all the same, with a warning', async () => {
    const warnings: unknown[] = [];
    await using source = await open(failing('ENOSPC', ['writeFile']), warnings);
    expect((await source.open('model.safetensors'))!.size).toBe(weights.length);
    expect(warnings).toEqual([expect.objectContaining({ code: 'cache-unavailable' })]);
  });

  test('that cannot be written is read, with a warning, where all is there', async () => {
    await logits();
    hub.repositories[id] = { sha, files };
    await writeFile(inCache('refs', 'main'), 'b'.repeat(40));
    const warnings: unknown[] = [];
    await using source = await open(failing('EROFS', ['writeFile', 'rename', 'rm', 'symlink']), warnings);
    expect(await (await source.open('model.safetensors'))!.read(0, weights.length)).toEqual(
      new Uint8Array(weights),
    );
    expect(warnings).toEqual([expect.objectContaining({ code: 'cache-unavailable' })]);
  });

  test('whose folder of contents is a file is one coded error', async () => {
    await logits();
    await rm(inCache('blobs'), { recursive: true });
    await writeFile(inCache('blobs'), 'x');
    expect(await failureOf(logits())).toMatchObject({ code: 'source-cache' });
  });
});

describe('offline', () => {
  test('what was downloaded is loaded, and nobody is asked', async () => {
    const online = await logits();
    hub.requests.length = 0;
    expect(await logits({ offline: true })).toEqual(online);
    expect(await logits({ offline: true, revision: sha })).toEqual(online);
    expect(hub.requests).toEqual([]);
  });

  test.for([undefined, 'b'.repeat(40)])('what was not is missed (revision %s)', async (revision) => {
    const error = await failureOf(logits({ offline: true, revision }));
    expect(error).toMatchObject({ code: 'source-unavailable' });
    expect(error.message).toContain('not in the cache');
    expect(hub.requests).toEqual([]);
  });
});

describe('an abort', () => {
  test('in the middle of a file leaves what came, and goes on later', async () => {
    const open: ServerResponse[] = [];
    hub.answer = (name, bytes, _request, response) => {
      if (name !== 'model.safetensors') return false;
      response.writeHead(200, { 'content-length': bytes.length }).write(bytes.subarray(0, half));
      open.push(response);
      return true;
    };
    const controller = new AbortController();
    const onProgress = (event: LoadProgress): void => {
      if (event.phase === 'download' && event.file === 'model.safetensors' && event.bytes === half)
        controller.abort();
    };
    const error = await failureOf(logits({}, { signal: controller.signal, onProgress }));
    expect(error).toMatchObject({ code: 'aborted' });
    for (const response of open) response.destroy();
    hub.answer = () => false;
    expect((await readdir(inCache('blobs'))).some((name) => name.endsWith('.lock'))).toBe(false);
    expect(await logits()).toEqual(await expected());
    expect(hub.downloads.at(-1)).toContain(`${half}-`);
  });

  test('stops the questions, too', async () => {
    expect(await failureOf(logits({}, { signal: AbortSignal.abort() }))).toMatchObject({ code: 'aborted' });
    expect(hub.requests).toEqual([]);
  });
});

test('loads of one model at once download it once', async () => {
  const all = await Promise.all(Array.from({ length: 4 }, () => logits()));
  for (const one of all) expect(one).toEqual(all[0]);
  expect(all[0]).toEqual(await expected());
  const whole = hub.downloads.filter((line) => line.startsWith('/cdn/'));
  expect(whole.length).toBe(1);
});

test('a load that waits for another goes on with what that one left when it was aborted', async () => {
  let hung = false;
  hub.answer = (name, bytes, _request, response) => {
    if (name !== 'model.safetensors' || hung) return false;
    hung = true;
    response.writeHead(200, { 'content-length': bytes.length }).write(bytes.subarray(0, half));
    return true;
  };
  // Whichever gets to it first.
  let aborted = false;
  const loads = [0, 1].map(() => {
    const controller = new AbortController();
    const onProgress = (event: LoadProgress): void => {
      if (aborted || event.phase !== 'download' || event.file !== 'model.safetensors') return;
      if (event.bytes < half) return;
      aborted = true;
      controller.abort();
    };
    return logits({}, { signal: controller.signal, onProgress });
  });
  const settled = await Promise.allSettled(loads);
  expect(settled.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
  for (const one of settled) {
    if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'aborted' });
    else expect(one.value).toEqual(await expected());
  }
  expect(hub.downloads.at(-1)).toContain(`${half}-`);
});

describe('a lock', () => {
  const files = disk as unknown as Disk;

  test('that a dead program left is taken', async () => {
    const path = join(cacheDir, 'x.lock');
    await writeFile(path, '');
    await using _ = await lock(files, path, undefined, 100);
    expect(await readdir(cacheDir)).toEqual(['x.lock']);
  });

  test('that is touched is waited for, until it is freed or the wait is aborted', async () => {
    const path = join(cacheDir, 'x.lock');
    const held = await lock(files, path, undefined);
    const beat = setInterval(() => void utimes(path, new Date(), new Date()).catch(() => undefined), 20);
    const controller = new AbortController();
    const order: string[] = [];
    const waiting = lock(files, path, undefined, 1000).then((next) => {
      order.push('next');
      return next;
    });
    const aborted = failureOf(lock(files, path, controller.signal, 1000));
    controller.abort();
    expect(await aborted).toMatchObject({ code: 'aborted' });
    await new Promise((resolve) => setTimeout(resolve, 100));
    order.push('freed');
    clearInterval(beat);
    await held[Symbol.asyncDispose]();
    await (await waiting)[Symbol.asyncDispose]();
    expect(order).toEqual(['freed', 'next']);
    expect(await readdir(cacheDir)).toEqual([]);
  });
});

test('the client is asked for by name when it is missing', async () => {
  const error = await failureOf(loadClient('@huggingface/not-there'));
  expect(error).toMatchObject({ code: 'source-hub' });
  expect(error.hint).toContain('npm install @huggingface/not-there');
});
