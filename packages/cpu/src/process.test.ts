import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect } from 'vitest';
import { nativeTest as test } from '../test/native.ts';

const imports = `
  import { createRegistry } from ${JSON.stringify(import.meta.resolve('@ss/core'))};
  import { cpu } from ${JSON.stringify(new URL('index.ts', import.meta.url).href)};
  const open = (options) => createRegistry([cpu(options)]).select({ require: 'cpu' });
  const work = (engine) => {
    let x = engine.zeros([2048, 2048]);
    for (let i = 0; i < 8; i++) x = engine.silu({ x });
    return x;
  };
`;

/** What a program prints that imports core and this package and runs `body`. */
async function run(body: string): Promise<string> {
  const program = ['--input-type=module', '--eval', body];
  const { stdout } = await promisify(execFile)(process.execPath, program, { timeout: 60_000 });
  return stdout.trim();
}

/** A program that runs \`body\` in a worker, and says how that ended. */
function inWorker(body: string, more = ''): string {
  return `
    import { Worker } from 'node:worker_threads';
    const script = 'data:text/javascript,' + encodeURIComponent(${JSON.stringify(imports + body)});
    const end = (worker) => new Promise((resolve) => {
      worker.on('error', (error) => resolve(String(error)));
      worker.on('exit', (code) => resolve('exit ' + code));
    });
    ${more || 'console.log(await end(new Worker(new URL(script))));'}
  `;
}

test('a program that forgets to dispose ends by itself', async () => {
  const printed = await run(`${imports}
    const engine = await open({ threads: 2 });
    const x = engine.tensor([1, 2]);
    console.log((await engine.add({ a: x, b: x }).read()).join());
  `);
  expect(printed).toBe('2,4');
});

test('pending work keeps the process alive until it is done', async () => {
  const printed = await run(`${imports}
    const engine = await open({ threads: 1 });
    work(engine).read().then((values) => console.log(values.length));
  `);
  expect(printed).toBe(String(2048 * 2048));
});

test('a program may exit in the middle of work', async () => {
  const printed = await run(`${imports}
    const engine = await open({ threads: 2 });
    for (let i = 0; i < 100; i++) work(engine).dispose();
    console.log('leaving');
    setTimeout(() => process.exit(0), 20);
  `);
  expect(printed).toBe('leaving');
});

test('a worker that loads, runs and exits leaves the process as it was', async () => {
  const body = `
    const engine = await open({ threads: 2 });
    await work(engine).read();
  `;
  const again = 'for (let i = 0; i < 5; i++) console.log(await end(new Worker(new URL(script))));';
  expect(await run(inWorker(body, again))).toBe(Array(5).fill('exit 0').join('\n'));
});

test('a worker may be ended in the middle of work', async () => {
  const body = `
    import { parentPort } from 'node:worker_threads';
    const engine = await open({ threads: 2 });
    for (let i = 0; i < 100; i++) work(engine).read();
    parentPort.postMessage('busy');
  `;
  const terminate = `
    const worker = new Worker(new URL(script));
    const ended = end(worker);
    await new Promise((resolve) => worker.once('message', resolve));
    await worker.terminate();
    console.log(await ended);
  `;
  expect(await run(inWorker(body, terminate))).toBe('exit 1');
});

test('workers and the main thread work at once, each with an engine of its own', async () => {
  const body = `
    const engine = await open({ threads: 2 });
    for (let i = 0; i < 3; i++) await work(engine).read();
    await engine.dispose();
  `;
  const both = `
    const workers = [1, 2, 3].map(() => end(new Worker(new URL(script))));
    const engine = await open({ threads: 2 });
    const values = await work(engine).read();
    console.log(values.length, (await Promise.all(workers)).join());
  `;
  expect(await run(imports + inWorker(body, both))).toBe(`${2048 * 2048} exit 0,exit 0,exit 0`);
});

test('memory that is kept is given back before more is refused', async ({ skip }) => {
  skip(process.platform !== 'linux', 'the limit is set with prlimit, which is of Linux');
  const printed = await run(`${imports}
    import { execFileSync } from 'node:child_process';
    import { readFileSync } from 'node:fs';
    const engine = await open({ threads: 1 });
    const MiB = 2 ** 20;
    const [, used] = /VmSize:\\s+(\\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'));
    execFileSync('prlimit', ['--pid', String(process.pid), '--as=' + (Number(used) * 1024 + 1200 * MiB)]);
    // Still in use when it is freed, and too small for the next one.
    const x = engine.zeros([150 * MiB]);
    const view = x.slice(0, 0, 1000);
    engine.copy({ x: view });
    for (const each of [view, x]) each.dispose();
    const y = engine.zeros([200 * MiB]);
    console.log(y.size / MiB);
    try {
      engine.zeros([300 * MiB]);
    } catch (error) {
      console.log(error.code);
    }
  `);
  expect(printed).toBe('200\nout-of-memory');
});

test('the instruction set can be limited for the whole process', async ({ skip }) => {
  const on = async (SS_CPU_ISA: string): Promise<{ isa: string; bits: string }> => {
    const body = `
      const engine = await open();
      const x = engine.tensor(Float32Array.from({ length: 4096 }, (_, i) => Math.sin(i)));
      const values = await engine.silu({ x }).read();
      console.log(JSON.stringify({ isa: engine.device.facts.isa, bits: new Uint32Array(values.buffer).join() }));
    `;
    const program = ['--input-type=module', '--eval', imports + body];
    const options = { env: { ...process.env, SS_CPU_ISA } };
    return JSON.parse((await promisify(execFile)(process.execPath, program, options)).stdout);
  };
  await expect(on('mmx')).rejects.toThrow(/SS_CPU_ISA is "mmx" where sse4, avx2 or avx3 is wanted/);
  const best = await on('');
  skip(!best.isa.startsWith('avx'), `there is nothing to limit where the best is ${best.isa}`);
  const limited = await on('sse4');
  expect(limited.isa).toBe('sse4');
  // Without fused multiply-adds the same kernel rounds differently, so it really was another one that ran.
  expect(limited.bits).not.toBe(best.bits);
});
