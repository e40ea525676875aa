import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { createRegistry } from '@ss/core';
import type { Engine } from '@ss/core';
import { expect, test } from 'vitest';
import { wasm } from './index.ts';
import type { WasmOptions } from './index.ts';

const modes: readonly WasmOptions['mode'][] = ['inline', 'worker'];

async function open(options: WasmOptions): Promise<Engine> {
  return await createRegistry([wasm(options)]).select({ require: 'wasm' });
}

/** MiB that a process has, before and after each of eight engines that write 256 MiB. */
async function resident(mode: string): Promise<number[]> {
  const program = `
    import { createRegistry } from ${JSON.stringify(import.meta.resolve('@ss/core'))};
    import { wasm } from ${JSON.stringify(new URL('index.ts', import.meta.url).href)};
    const registry = createRegistry([wasm({ mode: '${mode}', threads: 2 })]);
    const resident = [process.memoryUsage().rss];
    for (let i = 0; i < 8; i++) {
      const engine = await registry.select({ require: 'wasm' });
      const x = engine.zeros([2 ** 26]);
      await engine.sync();
      resident.push(process.memoryUsage().rss);
      await engine.dispose();
    }
    console.log(JSON.stringify(resident.map((bytes) => bytes / 2 ** 20)));
  `;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program]);
  return JSON.parse(stdout) as number[];
}

test.each(modes)('engines one after the other take what one of them takes in %s mode', async (mode) => {
  const [before, first, ...others] = await resident(mode!);
  expect(first! - before!).toBeGreaterThan(250);
  expect(Math.max(...others) - before!).toBeLessThan(2 * (first! - before!));
});

test.each(modes)('an engine finds nothing of the one before it in %s mode', async (mode) => {
  for (let i = 0; i < 3; i++) {
    await using engine = await open({ mode, threads: 2 });
    // As a new one has it, whatever memory it took over.
    expect(engine.memory().reservedBytes).toBeLessThan(2 ** 20);
    const state = engine.state([1000]);
    expect(new Set(await state.read())).toEqual(new Set([0]));
    engine.assign(state, engine.tensor(new Float32Array(1000).fill(7)));
    const { y } = engine.selectiveScan({
      u: engine.tensor([1, 1], [1, 2, 1]),
      delta: engine.tensor([1, 1], [1, 2, 1]),
      A: engine.tensor([0], [1, 1]),
      B: engine.tensor([1, 1], [1, 2, 1]),
      C: engine.tensor([1, 1], [1, 2, 1]),
    });
    expect([...(await y.read())]).toEqual([1, 2]);
  }
});

test.each(modes)('two engines at once never share a memory in %s mode', async (mode) => {
  const first = await open({ mode, threads: 1 });
  await first.dispose();
  await using one = await open({ mode, threads: 1 });
  await using other = await open({ mode, threads: 1 });
  const x = one.tensor([1, 2, 3]);
  const y = other.tensor([4, 5, 6]);
  expect([...(await x.read()), ...(await y.read())]).toEqual([1, 2, 3, 4, 5, 6]);
});

test('a smaller limit holds in a memory that could grow further, and a larger one is not cut', async () => {
  for (const maxMemory of [64 * 2 ** 20, 16 * 2 ** 20, 128 * 2 ** 20]) {
    await using engine = await open({ mode: 'inline', threads: 1, maxMemory });
    const most = maxMemory - 2 ** 20;
    expect(() => engine.zeros([maxMemory / 4])).toThrow(
      expect.objectContaining({ code: 'out-of-memory' }) as Error,
    );
    using large = engine.zeros([most / 4]);
    expect(large.size).toBe(most / 4);
    expect(engine.device.facts).not.toHaveProperty('limit');
  }
});

test.each(modes)('a backend that was disposed says so in %s mode', async (mode) => {
  const engine = await open({ mode, threads: 1 });
  const { backend } = engine;
  const buffer = backend.alloc(16, { zero: true });
  await engine.dispose();
  const disposed = expect.objectContaining({ code: 'engine-disposed' }) as Error;
  expect(() => backend.read(buffer, 0, 16)).toThrow(disposed);
  expect(() => backend.write(buffer, 0, new Uint8Array(16))).toThrow(disposed);
  expect(() => backend.alloc(16, { zero: false })).toThrow(disposed);
  await engine.dispose();
  expect(backend.memory().reservedBytes).toBe(0);
});
