import { createRegistry } from '@ss/core';
import type { Engine } from '@ss/core';
import { afterEach, expect, test, vi } from 'vitest';
import { wasm } from './index.ts';
import type { WasmOptions } from './index.ts';
import { pageBytes } from './memory/pages.ts';

const { Memory } = WebAssembly;

/** An environment that gives shared memory of at most so many MiB. */
function sharedUpTo(megabytes: number): void {
  vi.spyOn(WebAssembly, 'Memory').mockImplementation(function (descriptor: WebAssembly.MemoryDescriptor) {
    if (descriptor.shared && descriptor.maximum! * pageBytes > megabytes * 2 ** 20)
      throw new RangeError('WebAssembly.Memory(): could not allocate memory');
    return new Memory(descriptor);
  } as never);
}

afterEach(() => vi.restoreAllMocks());

async function open(options: WasmOptions): Promise<Engine> {
  return await createRegistry([wasm(options)]).select({ require: 'wasm' });
}

async function computes(engine: Engine): Promise<void> {
  const x = engine.tensor([1, 2]);
  expect([...(await engine.add({ a: x, b: x }).read())]).toEqual([2, 4]);
}

test('shared memory that is refused is asked for again with a smaller maximum, and the choice says so', async () => {
  sharedUpTo(1000);
  await using engine = await open({ threads: 2 });
  expect(engine.device.facts).toMatchObject({ mode: 'worker', limit: 'shared memory of at most 512 MiB' });
  expect(String(engine.decision)).toContain('shared memory of at most 512 MiB');
  await computes(engine);
});

test('where there is no shared memory to speak of, calls run inline on one thread, and the choice says why', async () => {
  for (const megabytes of [0, 20]) {
    sharedUpTo(megabytes);
    await using engine = await open({});
    expect(engine.device.facts).toMatchObject({ mode: 'inline', threads: 1 });
    expect(String(engine.decision)).toMatch(/limit .*no shared WebAssembly memory of 64 MiB/);
    await computes(engine);
  }
});

test('a limit of the program below that is no reason', async () => {
  sharedUpTo(20);
  await using engine = await open({ maxMemory: 16 * 2 ** 20, threads: 2 });
  expect(engine.device.facts).toMatchObject({ mode: 'worker' });
  expect(engine.device.facts).not.toHaveProperty('limit');
  await computes(engine);
});

test('who asks for a worker gets what shared memory there is, or an error', async () => {
  sharedUpTo(20);
  await using engine = await open({ mode: 'worker', threads: 1 });
  expect(engine.device.facts).toMatchObject({ mode: 'worker', limit: 'shared memory of at most 16 MiB' });
  await computes(engine);
  sharedUpTo(0);
  await engine.dispose();
  await expect(open({ mode: 'worker', threads: 1, maxMemory: 2 ** 30 })).rejects.toThrow(
    /no shared WebAssembly memory at all/,
  );
});
