import { cp, mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { expect, test } from 'vitest';
import { ROOT } from '../helpers/repository.ts';
import { chromiumPath, NO_CHROMIUM } from './chromium.ts';
import { launchChromium, runPage } from './run-page.ts';
import { serve } from './serve.ts';

/** How far each job would go. */
const all = 300;

/**
 * Everything that computes for long, where there is no shared memory: on the thread that calls. A message names a job, and
 * `stop` follows right behind it: it waits when the job begins, as one does that comes while a token is computed.
 */
const jobs = `
  import { createRegistry } from '@ss/core';
  import { loadModel } from '@ss/mamba';
  import { wasm } from '@ss/wasm';

  const ids = Array.from({ length: ${all} }, (_, i) => i);
  const options = { maxTokens: ids.length, stopIds: [] };
  const model = await loadModel(new URL('model', location.href), { registry: createRegistry([wasm()]) });
  const jobs = {
    async generate(signal, done) {
      for await (const _ of model.generate('ROMEO:', { ...options, signal })) done();
    },
    async generateBatch(signal, done) {
      for await (const { prompt } of model.generateBatch(['ROMEO:', 'JULIET:'], { ...options, signal }))
        if (prompt === 0) done();
    },
    async prefill(signal, done) {
      using session = model.session();
      await session.prefill(ids, { chunk: 1, signal });
      done(ids.length);
    },
    async step(signal, done) {
      using session = model.session();
      for (const id of ids) {
        signal.throwIfAborted();
        await session.step(id);
        done();
      }
    },
    async logits(signal, done) {
      for (const id of ids) {
        signal.throwIfAborted();
        await model.logits([id]);
        done();
      }
    },
  };
  let abort;
  addEventListener('message', async ({ data }) => {
    if (data === 'stop') return abort?.abort();
    if (!(data in jobs)) return;
    let count = 0;
    abort = new AbortController();
    await jobs[data](abort.signal, (more = 1) => (count += more)).catch(() => undefined);
    const { mode } = model.engine.device.facts;
    globalThis.tell({ job: data, mode, count, stopped: abort.signal.aborted });
  });
  globalThis.tell(Object.keys(jobs));
`;

const worker = `
  globalThis.tell = (what) => postMessage(what);
  await import('./jobs.js');
`;

const inWorker = `
  const worker = new Worker('worker.js', { type: 'module' });
  const next = () => new Promise((resolve) => (worker.onmessage = ({ data }) => resolve(data)));
  globalThis.result = next().then(async (jobs) => {
    const results = [];
    for (const job of jobs) {
      worker.postMessage(job);
      worker.postMessage('stop');
      results.push(await next());
    }
    return results;
  });
`;

const inPage = `
  let heard;
  const next = () => new Promise((resolve) => (heard = resolve));
  globalThis.tell = (what) => heard(what);
  globalThis.result = next().then(async (jobs) => {
    const results = [];
    for (const job of jobs) {
      window.postMessage(job);
      window.postMessage('stop');
      results.push(await next());
    }
    return results;
  });
  await import('./jobs.js');
`;

test.for([
  ['a worker', inWorker],
  ['a page', inPage],
] as const)('%s hears a message while it computes, though it is not isolated', async ([, page], { skip }) => {
  skip(chromiumPath() === undefined, NO_CHROMIUM);
  await using folder = await mkdtempDisposable(join(tmpdir(), 'ss-page-'));
  await build({
    stdin: { contents: jobs, resolveDir: import.meta.dirname },
    outfile: join(folder.path, 'jobs.js'),
    bundle: true,
    format: 'esm',
    logLevel: 'silent',
  });
  await writeFile(join(folder.path, 'worker.js'), worker);
  await writeFile(join(folder.path, 'index.html'), `<!doctype html><script type="module">${page}</script>`);
  await cp(join(ROOT, 'test/models/tiny-shakespeare'), join(folder.path, 'model'), { recursive: true });
  await using served = await serve(folder.path, { isolated: false });
  await using browser = await launchChromium();
  const results = (await runPage(browser, served.url)) as {
    job: string;
    mode: string;
    count: number;
    stopped: boolean;
  }[];
  expect(results.length).toBeGreaterThan(4);
  for (const { job, mode, count, stopped } of results) {
    expect({ job, mode, stopped }).toEqual({ job, mode: 'inline', stopped: true });
    expect(count, job).toBeLessThan(all / 10);
  }
});
