import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

/** What a program prints that imports core and this package and runs `body`. */
async function run(body: string): Promise<string> {
  const imports = `
    import { createRegistry } from ${JSON.stringify(import.meta.resolve('@ss/core'))};
    import { wasm } from ${JSON.stringify(new URL('index.ts', import.meta.url).href)};
    const open = (options) => createRegistry([wasm(options)]).select({ require: 'wasm' });
  `;
  const program = ['--input-type=module', '--eval', imports + body];
  const { stdout } = await promisify(execFile)(process.execPath, program);
  return stdout.trim();
}

test.each(['inline', 'worker'])(
  'a program that forgets to dispose ends by itself in %s mode',
  async (mode) => {
    const printed = await run(`
    const engine = await open({ mode: '${mode}', threads: 2 });
    const x = engine.tensor([1, 2]);
    console.log((await engine.add({ a: x, b: x }).read()).join());
  `);
    expect(printed).toBe('2,4');
  },
);

test('pending work keeps the process alive until it is done', async () => {
  const printed = await run(`
    const engine = await open({ mode: 'worker', threads: 1 });
    const ones = (...shape) => engine.tensor(new Float32Array(shape.reduce((a, b) => a * b)).fill(1), shape);
    const x = ones(1, 2048, 256);
    const { y } = engine.selectiveScan({ u: x, delta: x, A: ones(256, 16), B: ones(256, 16), C: ones(256, 16) });
    y.read().then((values) => console.log(values.length));
  `);
  expect(printed).toBe(String(2048 * 256));
});
