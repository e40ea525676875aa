import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRegistry, SsError } from '@ss/core';
import { loadModel } from '@ss/mamba';
import type { LoadModelOptions, MambaModel } from '@ss/mamba';
import { beforeEach, describe, expect, test } from 'vitest';
import { observe } from '../test/observed-device.ts';
import { NO_ADAPTER, softwareGpu } from '../test/software-gpu.ts';
import { webgpu } from './index.ts';
import type { WebGpuOptions } from './index.ts';

const folder = join(import.meta.dirname, '../../../test/models/tiny-shakespeare');
const expected = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8')) as {
  readonly cases: readonly {
    readonly prompt: string;
    readonly greedy_text: string;
  }[];
};

const first = expected.cases[0]!;

const gpu = await softwareGpu();
beforeEach(({ skip }) => skip(gpu === undefined, NO_ADAPTER));

function open(
  options: WebGpuOptions = {},
  more: Omit<LoadModelOptions, 'backend'> = {},
): Promise<MambaModel> {
  const registry = createRegistry([webgpu({ gpu, ...options })]);
  return loadModel(folder, { registry, backend: 'webgpu', ...more });
}

async function openDevice(): Promise<GPUDevice> {
  return (await gpu!.requestAdapter())!.requestDevice();
}

async function text(model: MambaModel, prompt: string, maxTokens: number): Promise<string> {
  let all = '';
  for await (const piece of model.generate(prompt, { temperature: 0, maxTokens })) all += piece.text;
  return all;
}

// A software adapter takes its time; the page's test has the whole texts.
test.for([
  ['stored', 24],
  ['bf16', 12],
] as const)('the likeliest text, weights %s, %d tokens', async ([weights, tokens]) => {
  await using model = await open({}, { weights });
  const { prompt, greedy_text } = first;
  const written = await text(model, prompt, tokens);
  expect(written.length).toBeGreaterThan(tokens);
  expect(greedy_text.startsWith(written)).toBe(true);
});

describe('what a token costs', () => {
  /** Counts of one decoding step in the middle of a text. */
  async function ofOneToken(): Promise<{ layers: number } & ReturnType<ReturnType<typeof observe>['take']>> {
    const device = await openDevice();
    const watched = observe(device);
    await using model = await open({ device });
    const { prompt } = first;
    let counts = watched.take();
    let tokens = 0;
    for await (const _ of model.generate(prompt, { temperature: 0.8, topK: 40, seed: 7, maxTokens: 8 })) {
      if (tokens++ === 5) break;
      counts = watched.take();
    }
    return { layers: model.config.layers, ...counts };
  }

  test('at most 10 dispatches a layer, one submission, and only the sampled id is read', async () => {
    const { layers, dispatches, submits, readBytes, pipelines } = await ofOneToken();
    // Beside the layers: the embedding, the last norm, the head, and drawing the id.
    expect(dispatches).toBeLessThanOrEqual(10 * layers + 6);
    expect(dispatches).toBeGreaterThanOrEqual(7 * layers);
    expect(submits).toBe(1);
    expect(readBytes).toBeLessThanOrEqual(8);
    expect(pipelines).toBe(0);
  });
});

describe('what ends badly ends once, and gives everything back', () => {
  /** The one error that a generation ends with. */
  async function failure(
    model: MambaModel,
    during: (tokens: number) => void,
    signal?: AbortSignal,
  ): Promise<SsError> {
    const { prompt } = first;
    let tokens = 0;
    try {
      for await (const _ of model.generate(prompt, { temperature: 0, maxTokens: 40, signal }))
        during(++tokens);
    } catch (error) {
      expect(tokens).toBeLessThan(40);
      expect(SsError.is(error)).toBe(true);
      return error as SsError;
    }
    throw new Error('nothing went wrong');
  }

  test('a lost device', async () => {
    const device = await openDevice();
    const watched = observe(device);
    const model = await open({ device });
    const error = await failure(model, (tokens) => tokens === 3 && device.destroy());
    expect(error.code).toBe('device-lost');
    await expect(text(model, 'ROMEO:', 3)).rejects.toMatchObject({ code: 'device-lost' });
    await model.dispose();
    expect(model.engine.memory()).toMatchObject({ liveBytes: 0, liveBuffers: 0 });
    expect(watched.pending()).toBe(0);
    // The registry goes on: another device, another model.
    await using another = await open();
    const { prompt, greedy_text } = first;
    expect(greedy_text.startsWith(await text(another, prompt, 3))).toBe(true);
  });

  test('an aborted signal', async () => {
    const device = await openDevice();
    const watched = observe(device);
    const model = await open({ device });
    const abort = new AbortController();
    const error = await failure(model, (tokens) => tokens === 3 && abort.abort(), abort.signal);
    expect(error.code).toBe('aborted');
    await model.dispose();
    expect(model.engine.memory()).toMatchObject({ liveBytes: 0, liveBuffers: 0 });
    expect(watched.pending()).toBe(0);
    device.destroy();
  });

  test('a model that takes more than it may', async () => {
    const registry = createRegistry([webgpu({ gpu, maxMemory: 2 ** 20 })]);
    await using engine = await registry.select({ require: 'webgpu' });
    await expect(loadModel(folder, { engine })).rejects.toMatchObject({ code: 'out-of-memory' });
    expect(engine.memory()).toMatchObject({ liveBytes: 0, liveBuffers: 0 });
  });

  test('memory that the device does not have for a generation', async () => {
    const device = await openDevice();
    const watched = observe(device);
    const model = await open({ device });
    const before = model.engine.memory();
    watched.refuseNextBuffer();
    // Longer than what was prepared at loading.
    const prompt = first.prompt.repeat(40);
    await expect(text(model, prompt, 8)).rejects.toMatchObject({ code: 'out-of-memory' });
    expect(model.engine.memory()).toMatchObject({ liveBytes: before.liveBytes });
    expect((await text(model, first.prompt, 8)).length).toBeGreaterThan(8);
    await model.dispose();
    expect(model.engine.memory()).toMatchObject({ liveBytes: 0, liveBuffers: 0 });
    expect(watched.pending()).toBe(0);
    device.destroy();
  });

  test('memory that the device says later it does not have', async () => {
    const device = await openDevice();
    const watched = observe(device);
    const engine = await createRegistry([webgpu({ device })]).select({ require: 'webgpu' });
    watched.refuseNextBuffer();
    const x = engine.state([1000]);
    const y = engine.silu({ x });
    await expect(y.read()).rejects.toMatchObject({ code: 'out-of-memory' });
    await expect(engine.sync()).rejects.toMatchObject({ code: 'out-of-memory' });
    await engine.sync();
    // What comes after it gets other memory.
    const given = engine.tensor([0, 1], [2]);
    const z = engine.silu({ x: given });
    expect((await z.read())[1]).toBeCloseTo(0.7310586, 6);
    for (const tensor of [x, y, given, z]) tensor.dispose();
    expect(engine.memory()).toMatchObject({ liveBytes: 0, liveBuffers: 0 });
    await engine.dispose();
    expect(watched.pending()).toBe(0);
    device.destroy();
  });
});
