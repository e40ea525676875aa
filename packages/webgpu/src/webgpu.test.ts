import { createRegistry } from '@ss/core';
import { wasm } from '@ss/wasm';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { nullGpu } from '../test/software-gpu.ts';
import { webgpu } from './index.ts';

afterEach(() => vi.unstubAllGlobals());

/** What `requestAdapter` answers, as a page would see it. */
function pageWith(adapter: unknown): GPU {
  return { requestAdapter: async () => adapter } as GPU;
}

const fallback = { info: { isFallbackAdapter: true } };
const real = { info: { isFallbackAdapter: false } };

test('a real adapter comes before WebAssembly', async () => {
  const gpu = nullGpu();
  await using engine = await createRegistry([wasm(), webgpu({ gpu })]).select();
  expect(engine.id).toBe('webgpu');
  expect(engine.device).toMatchObject({ kind: 'gpu' });
});

test('a fallback adapter says so and comes after WebAssembly', async () => {
  const backend = webgpu({ gpu: pageWith(fallback) });
  const probe = await backend.probe();
  expect(probe).toMatchObject({ available: true, notes: [expect.stringMatching(/fallback adapter/)] });
  await using engine = await createRegistry([wasm(), backend]).select();
  expect(engine.decision!.candidates.map(({ id, status }) => [id, status])).toEqual([
    ['wasm', 'chosen'],
    ['webgpu', 'outranked'],
    ['reference', 'outranked'],
  ]);
});

test.each([
  [null, {}, /no adapter/],
  [fallback, { fallbackAdapter: false }, /fallback adapter/],
])('the adapter %j with %j is a blocker', async (adapter, options, message) => {
  expect(await webgpu({ gpu: pageWith(adapter), ...options }).probe()).toMatchObject({
    available: false,
    blockers: [
      { code: 'adapter-missing', origin: 'environment', message: expect.stringMatching(message) as string },
    ],
  });
});

test('navigator.gpu is used where it is', async () => {
  vi.stubGlobal('navigator', { gpu: pageWith(real) });
  expect(await webgpu().probe()).toEqual({ available: true });
});

test.each([
  [false, /https or localhost/],
  [undefined, /no WebGPU/],
])('a page without WebGPU (secure: %s) says what would help', async (isSecureContext, message) => {
  vi.stubGlobal('navigator', {});
  vi.stubGlobal('process', undefined);
  vi.stubGlobal('isSecureContext', isSecureContext);
  expect(await webgpu().probe()).toMatchObject({
    available: false,
    blockers: [{ code: 'webgpu-missing', message: expect.stringMatching(message) as string }],
  });
});

describe('options that mean nothing are refused', () => {
  test.each([{ powerPreference: 'most' }, { fallbackAdapter: 'yes' }, { maxMemory: -1 }, { maxMemory: 1.5 }])(
    '%j',
    (options) => {
      expect(() => webgpu(options as never)).toThrow(expect.objectContaining({ code: 'argument-invalid' }));
    },
  );
});

test('a device that was given stays open', async () => {
  const gpu = nullGpu();
  const device = await (await gpu.requestAdapter())!.requestDevice();
  const engine = await createRegistry([webgpu({ device })]).select({ require: 'webgpu' });
  await engine.dispose();
  const lost = await Promise.race([device.lost, new Promise((resolve) => setTimeout(resolve, 20))]);
  expect(lost).toBeUndefined();
  device.destroy();
});
