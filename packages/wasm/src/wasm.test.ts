import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createRegistry } from '@ss/core';
import { expect, test, vi } from 'vitest';
import { wasm } from './index.ts';
import type { WasmOptions } from './index.ts';
import { embeddedKernels, hasRelaxedSimd } from './kernels/module.ts';

async function silu(options: WasmOptions): Promise<{ value: number; facts: object }> {
  await using engine = await createRegistry([wasm(options)]).select({ require: 'wasm' });
  const [value] = await engine.silu({ x: engine.tensor([1]) }).read();
  return { value: value!, facts: engine.device.facts };
}

const expected = 1 / (1 + Math.exp(-1));

test('probing finds SIMD without loading anything', () => {
  expect(wasm().probe()).toEqual({ available: true });
});

test('an environment without WebAssembly is a blocker, not an exception', () => {
  vi.stubGlobal('WebAssembly', undefined);
  try {
    expect(wasm().probe()).toMatchObject({ available: false, blockers: [{ origin: 'environment' }] });
  } finally {
    vi.unstubAllGlobals();
  }
});

test.each<[WasmOptions, RegExp]>([
  [{ threads: 0 }, /threads is 0/],
  [{ threads: 1.5 }, /threads is 1.5/],
  [{ mode: 'both' as never }, /mode is "both"/],
  [{ relaxedSimd: 'yes' as never }, /relaxedSimd is "yes"/],
  [{ maxMemory: 2 ** 40 }, /maxMemory/],
])('%o is refused', (options, message) => {
  expect(() => wasm(options)).toThrow(message);
});

test('relaxed SIMD is used where it exists, and can be left out', async () => {
  const { facts } = await silu({ mode: 'inline', threads: 1 });
  expect(facts).toMatchObject({ simd: hasRelaxedSimd() ? 'relaxed' : 'baseline' });
  const baseline = await silu({ mode: 'inline', threads: 1, relaxedSimd: false });
  expect(baseline.facts).toMatchObject({ simd: 'baseline' });
  expect(baseline.value).toBeCloseTo(expected, 6);
});

test('kernels come from bytes, a module or a file', async () => {
  const bytes = await embeddedKernels('baseline');
  await using folder = await mkdtempDisposable(join(tmpdir(), 'ss-kernels-'));
  const file = join(folder.path, 'kernels.wasm');
  await writeFile(file, bytes);
  const sources: WasmOptions['source'][] = [
    bytes,
    bytes.buffer,
    pathToFileURL(file),
    pathToFileURL(file).href,
  ];
  for (const source of sources) {
    for (const mode of ['inline', 'worker'] as const)
      expect((await silu({ source, mode, threads: 2 })).value).toBeCloseTo(expected, 6);
  }
  const module = await WebAssembly.compile(bytes);
  expect((await silu({ source: module, mode: 'worker', threads: 2 })).value).toBeCloseTo(expected, 6);
});

test('kernels that cannot be read or compiled say so', async () => {
  await expect(silu({ source: 'file:///nowhere/kernels.wasm' })).rejects.toThrow(
    /cannot be read from file:\/\/\/nowhere/,
  );
  await expect(silu({ source: Uint8Array.of(1, 2, 3) })).rejects.toThrow(/do not compile/);
});

test('the script of workers can be a file', async () => {
  const workerUrl = import.meta.resolve('@ss/wasm/worker');
  const { facts, value } = await silu({ mode: 'worker', threads: 2, workerUrl });
  expect(facts).toMatchObject({ mode: 'worker', threads: 2 });
  expect(value).toBeCloseTo(expected, 6);
});
