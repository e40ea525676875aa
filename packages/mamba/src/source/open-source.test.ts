import { openAsBlob } from 'node:fs';
import {
  appendFile,
  mkdir,
  mkdtemp,
  rename,
  rm,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import * as disk from 'node:fs/promises';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { failureOf } from '../../test/failure.ts';
import { blobs, tinyFiles } from '../../test/tiny-checkpoint.ts';
import type { Files } from '../../test/tiny-checkpoint.ts';
import { loadModel } from '../load-model.ts';
import { openFolder } from './folder.ts';
import type { NodeFiles } from './node.ts';
import type { ModelSource } from './open-source.ts';

const files: Files = tinyFiles();
const prompt = [1, 2, 3];

async function logitsFrom(source: ModelSource): Promise<Float32Array> {
  await using model = await loadModel(source, { backend: 'reference' });
  return await model.logits(prompt);
}

const wanted = await logitsFrom(blobs(files));

describe('a folder', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'model-'));
    for (const [name, bytes] of Object.entries(files)) await writeFile(join(folder, name), bytes);
  });
  afterAll(() => rm(folder, { recursive: true }));

  test('is a path, with or without a slash at its end, or a file: URL', async () => {
    for (const source of [folder, `${folder}/`, pathToFileURL(folder), pathToFileURL(folder).href]) {
      expect(await logitsFrom(source)).toEqual(wanted);
    }
  });

  test('that does not exist is named', async () => {
    const error = await failureOf(loadModel(join(folder, 'nowhere')));
    expect(error).toMatchObject({ code: 'source-unavailable', details: { path: join(folder, 'nowhere') } });
  });

  test('is not one of its files', async () => {
    const error = await failureOf(loadModel(join(folder, 'config.json')));
    expect(error).toMatchObject({ code: 'source-unavailable', hint: 'Pass the folder that holds it.' });
  });
});

describe('a file of a folder', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'model-'));
    for (const [name, bytes] of Object.entries(files)) await writeFile(join(folder, name), bytes);
  });
  afterAll(() => rm(folder, { recursive: true }));

  test('that is written to, cut or made longer while it is read is not taken', async () => {
    const changes: ((path: string, size: number) => Promise<void>)[] = [
      (path, size) => writeFile(path, new Uint8Array(size)),
      (path) => truncate(path, 10),
      (path) => appendFile(path, 'x'),
    ];
    for (const [i, change] of changes.entries()) {
      const path = join(folder, `x${i}`);
      await writeFile(path, new Uint8Array(1000).fill(7));
      await utimes(path, new Date(0), new Date(0));
      await using source = await openFolder(folder, disk as unknown as NodeFiles);
      const file = await source.open(`x${i}`);
      expect((await file!.read(0, 100))[0]).toBe(7);
      await change(path, 1000);
      expect(await failureOf(file!.read(100, 100))).toMatchObject({ code: 'source-changed' });
    }
  });

  test('that gets another file under its name stays the one that was opened', async () => {
    const path = join(folder, 'y');
    await writeFile(path, new Uint8Array(100).fill(1));
    await using source = await openFolder(folder, disk as unknown as NodeFiles);
    const file = await source.open('y');
    await writeFile(`${path}.new`, new Uint8Array(100).fill(2));
    await rename(`${path}.new`, path);
    expect((await file!.read(0, 100)).every((byte) => byte === 1)).toBe(true);
  });

  test.for([
    ['a folder', (path: string) => mkdir(path)],
    ['a link to itself', (path: string) => symlink(path, path)],
    ['a device', (path: string) => symlink('/dev/zero', path)],
  ] as const)('that is %s is one coded error', async ([, make]) => {
    const odd = join(await mkdtemp(join(folder, 'odd-')), 'model');
    await mkdir(odd);
    const path = join(odd, 'config.json');
    await make(path);
    expect(await failureOf(loadModel(odd, { backend: 'reference' }))).toMatchObject({
      code: 'source-unavailable',
    });
  });

  test.for([
    ['stat', 'EACCES'],
    ['open', 'EACCES'],
    ['open', 'EMFILE'],
    ['handle.stat', 'EIO'],
    ['handle.read', 'EIO'],
    ['handle.read', 'ENOMEM'],
    ['readdir', 'EACCES'],
  ] as const)('that the system refuses by %s with %s is one coded error', async ([method, code]) => {
    const no = (): Promise<never> => Promise.reject(Object.assign(new Error(`${code}: no`), { code }));
    const refusing = <T extends object>(target: T, prefix: string): T =>
      new Proxy({} as T, {
        get: (_, key) => {
          if (`${prefix}${String(key)}` === method) return no;
          const real: unknown = Reflect.get(target, key);
          return typeof real === 'function' ? real.bind(target) : real;
        },
      });
    const real = disk as unknown as NodeFiles;
    const stubbed: NodeFiles = {
      ...refusing(real, ''),
      // The folder itself is there.
      stat: (path) => (path === folder || method !== 'stat' ? real.stat(path) : no()),
      open: async (path, flags) =>
        method === 'open' ? no() : refusing(await real.open(path, flags), 'handle.'),
      readdir: (path) => (method === 'readdir' ? no() : real.readdir(path)),
    };
    const reading = async (): Promise<void> => {
      await using source = await openFolder(folder, stubbed);
      const file = await source.open('config.json');
      await file!.read(0, 10);
      await source.list();
    };
    const error = await failureOf(reading());
    expect(error).toMatchObject({ code: 'source-unavailable' });
    expect(error.message).toContain(code);
  });

  test('that cannot be closed is no trouble', async () => {
    const real = disk as unknown as NodeFiles;
    const stubbed: NodeFiles = {
      stat: (path) => real.stat(path),
      readdir: (path) => real.readdir(path),
      open: async (path, flags) => {
        const handle = await real.open(path, flags);
        const close = async (): Promise<void> => {
          await handle.close();
          throw new Error('EIO: no');
        };
        return { stat: () => handle.stat(), read: (...args) => handle.read(...args), close };
      },
    };
    const source = await openFolder(folder, stubbed);
    await source.open('config.json');
    await source[Symbol.asyncDispose]();
  });

  test('chosen in a page, then changed, is not taken', async () => {
    const path = join(folder, 'z.safetensors');
    await writeFile(path, files['model.safetensors']!);
    const blob = await openAsBlob(path);
    await writeFile(path, 'x');
    expect(await failureOf(loadModel({ 'model.safetensors': blob }))).toMatchObject({
      code: 'source-changed',
    });
  });
});

describe('a list of files', () => {
  test('goes by the names of its files', async () => {
    const list = Object.entries(blobs(files)).map(([name, blob]) => new File([blob], name));
    expect(await logitsFrom(list)).toEqual(wanted);
  });

  test('needs their names', async () => {
    expect(await failureOf(loadModel(Object.values(blobs(files))))).toMatchObject({ code: 'source-invalid' });
  });

  test.for([[[]], [{}], [null], [7], [[1, 2]], ['data:text/plain,x']] as const)(
    'is not %o',
    async ([source]) => {
      expect(await failureOf(loadModel(source as unknown as ModelSource))).toMatchObject({
        code: 'source-invalid',
      });
    },
  );
});

describe('a URL', () => {
  type Answer = (name: string, request: IncomingMessage, response: ServerResponse) => void;
  let server: Server;
  let base: string;
  let answer: Answer;
  const ranges: string[] = [];

  const ranged: Answer = (name, request, response) => {
    const bytes = files[name];
    if (bytes === undefined) return void response.writeHead(404).end();
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '')!.map(Number) as [
      number,
      number,
      number,
    ];
    ranges.push(`${name} ${from}-${to}`);
    response
      .writeHead(206, { 'content-range': `bytes ${from}-${to}/${bytes.length}` })
      .end(bytes.subarray(from, to + 1));
  };
  const whole: Answer = (name, _request, response) => {
    const bytes = files[name];
    if (bytes) response.writeHead(200).end(bytes);
    else response.writeHead(404).end();
  };

  beforeAll(async () => {
    server = createServer((request, response) => answer(request.url!.split('/').at(-1)!, request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/models/tiny`;
  });
  afterAll(() => void server.close());

  test('is read by ranges, many small tensors in one', async () => {
    answer = ranged;
    ranges.length = 0;
    expect(await logitsFrom(base)).toEqual(wanted);
    // Its first byte, then everything: the file is smaller than one window.
    expect(ranges.filter((range) => range.startsWith('model.safetensors')).length).toBe(2);
    expect(await logitsFrom(new URL(`${base}/`))).toEqual(wanted);
  });

  test('is read whole when the server has no ranges', async () => {
    answer = whole;
    expect(await logitsFrom(base)).toEqual(wanted);
  });

  test.for([
    [
      'refuses',
      ((_n, _q, response) => response.writeHead(500).end()) satisfies Answer,
      'source-unavailable',
      '500',
    ],
    [
      'hangs up',
      ((_n, request) => request.socket.destroy()) satisfies Answer,
      'source-unavailable',
      'cannot be fetched',
    ],
    [
      'has nothing',
      ((_n, _q, response) => response.writeHead(404).end()) satisfies Answer,
      'checkpoint-missing',
      'model.safetensors',
    ],
    [
      'hides lengths',
      ((_n, _q, response) => {
        // Two writes, so that the length is not said.
        response.writeHead(206, { 'content-range': 'bytes 0-0/*' }).write('x');
        response.end();
      }) satisfies Answer,
      'source-unavailable',
      '206',
    ],
    [
      'cuts ranges short',
      ((name, request, response) => {
        const bytes = files[name];
        if (!bytes) return void response.writeHead(404).end();
        const first = request.headers.range === 'bytes=0-0';
        response
          .writeHead(206, { 'content-range': `bytes 0-0/${bytes.length}` })
          .end(bytes.subarray(0, first ? 1 : 5));
      }) satisfies Answer,
      'checkpoint-truncated',
      'ends at byte',
    ],
  ] as const)('of a server that %s is one coded error', async ([, behaviour, code, part]) => {
    answer = behaviour;
    const error = await failureOf(loadModel(base));
    expect(error).toMatchObject({ code });
    expect(error.message).toContain(part);
  });

  test('with a password is refused, and the password not told', async () => {
    const error = await failureOf(loadModel(base.replace('http://', 'http://somebody:secret@')));
    expect(error).toMatchObject({ code: 'source-invalid' });
    expect(error.message).not.toContain('secret');
  });

  test('is told in errors without what lets somebody in', async () => {
    answer = (_name, _request, response) => response.writeHead(500).end();
    const error = await failureOf(loadModel(`${base}?token=secret#secret`));
    expect(error).toMatchObject({ code: 'source-unavailable' });
    expect(`${error.message} ${JSON.stringify(error.details)}`).not.toContain('secret');
  });

  test('stops being read when the signal is aborted', async () => {
    const controller = new AbortController();
    answer = (name, request, response) => {
      if (name === 'model.safetensors' && request.headers.range !== 'bytes=0-0') controller.abort();
      else ranged(name, request, response);
    };
    const error = await failureOf(loadModel(base, { signal: controller.signal }));
    expect(error).toMatchObject({ code: 'aborted' });
  });
});
