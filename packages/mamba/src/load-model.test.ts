import { encode } from '@ss/core';
import type { Engine } from '@ss/core';
import { createReferenceBackend } from '@ss/core/reference';
import { beforeAll, describe, expect, test } from 'vitest';
import { engineOf, registrationOf } from '../test/engine-of.ts';
import { failureOf } from '../test/failure.ts';
import { blobs, json, renamed, tinyConfig, tinyFiles, tinyTensors } from '../test/tiny-checkpoint.ts';
import type { Files, Tensors } from '../test/tiny-checkpoint.ts';
import { torchArchive } from '../test/torch-archive.ts';
import { loadModel } from './load-model.ts';
import type { LoadModelOptions } from './load-model.ts';
import type { MambaModel } from './model.ts';
import type { LoadProgress } from './progress.ts';
import { writeSafetensors } from './safetensors/write.ts';

const load = (files: Files, options: LoadModelOptions = {}): Promise<MambaModel> =>
  loadModel(blobs(files), { backend: 'reference', ...options });
const prompt = [3, 1, 4, 1, 5];

async function logitsOf(files: Files, options?: LoadModelOptions): Promise<Float32Array> {
  await using model = await load(files, options);
  return await model.logits(prompt);
}

const hfToOriginal = (name: string): string => name.replace('embeddings', 'embedding');

describe('the names of tensors', () => {
  test.for([
    ['the original package', hfToOriginal],
    ['a bare backbone', (name: string) => name.replace('backbone.', '')],
    ['a model. prefix', (name: string) => name.replace('backbone.', 'model.')],
    ['both prefixes', (name: string) => `model.${name}`],
  ] as const)('of %s mean the same as those of Hugging Face', async ([, rename]) => {
    const tensors = tinyTensors();
    expect(await logitsOf(tinyFiles(renamed(tensors, rename)))).toEqual(await logitsOf(tinyFiles(tensors)));
  });

  test('are one name each', async () => {
    const tensors = tinyTensors();
    const twice = { ...tensors, 'backbone.embedding.weight': tensors['backbone.embeddings.weight']! };
    const error = await failureOf(load(tinyFiles(twice)));
    expect(error).toMatchObject({ code: 'checkpoint-invalid' });
    expect(error.message).toContain('two names of one tensor');
  });
});

describe('where weights are found', () => {
  const tensors = tinyTensors();
  const names = Object.keys(tensors);
  const pick = (from: number, to?: number): Tensors =>
    Object.fromEntries(names.slice(from, to).map((name) => [name, tensors[name]!]));
  const index = (map: Record<string, unknown>): Uint8Array => json({ metadata: {}, weight_map: map });
  const [first, second] = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'];
  const map = Object.fromEntries(names.map((name, i) => [name, i < 9 ? first : second]));
  const sharded = (weightMap: Record<string, unknown> = map): Files => ({
    'model.safetensors.index.json': index(weightMap),
    [first]: writeSafetensors(pick(0, 9)),
    [second]: writeSafetensors(pick(9)),
    'config.json': json(tinyConfig),
  });

  test('in shards, with an index', async () => {
    expect(await logitsOf(sharded())).toEqual(await logitsOf(tinyFiles()));
  });

  test('in the only safetensors file, whatever its name', async () => {
    const { 'model.safetensors': weights, ...rest } = tinyFiles();
    expect(await logitsOf({ 'consolidated.safetensors': weights!, ...rest })).toEqual(
      await logitsOf(tinyFiles()),
    );
  });

  test('in a file of torch.save, where the head is the embedding once more', async () => {
    const original = renamed(tensors, hfToOriginal);
    const tied = { ...original, 'lm_head.weight': original['backbone.embedding.weight']! };
    const { 'model.safetensors': _, ...rest } = tinyFiles();
    const files = { 'pytorch_model.bin': torchArchive(tied), ...rest };
    expect(await logitsOf(files)).toEqual(await logitsOf(tinyFiles()));
    await using model = await load(files);
    expect(model.config.tied).toBe(true);
    // Safetensors come first when both are there.
    expect(await logitsOf({ ...files, 'pytorch_model.bin': json('junk'), ...tinyFiles() })).toEqual(
      await logitsOf(tinyFiles()),
    );
  });

  test('or there are none', async () => {
    const error = await failureOf(load({ 'config.json': json(tinyConfig) }));
    expect(error).toMatchObject({ code: 'checkpoint-missing' });
    expect(error.message).toContain('model.safetensors or pytorch_model.bin');
  });

  test('but never outside the folder', async () => {
    for (const path of ['../secret.safetensors', 'a/b.safetensors', String.raw`..\x.safetensors`, 7]) {
      const error = await failureOf(load(sharded({ ...map, [names[0]!]: path })));
      expect(error).toMatchObject({ code: 'checkpoint-invalid' });
    }
  });

  test('all of them: a missing shard is named', async () => {
    const { [second]: _, ...rest } = sharded();
    const error = await failureOf(load(rest));
    expect(error).toMatchObject({ code: 'checkpoint-missing', details: { file: second } });
  });

  test('where the index says: a tensor that is not there is named', async () => {
    const error = await failureOf(load(sharded({ ...map, 'backbone.ghost.weight': first })));
    expect(error).toMatchObject({ code: 'checkpoint-invalid' });
    expect(error.message).toContain('backbone.ghost.weight');
  });

  test('in as many shards as there may be, however many tensors an index has', async () => {
    const wide = Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`t${i}`, `f${i}`]));
    expect(await failureOf(load(sharded(wide)))).toMatchObject({ code: 'checkpoint-invalid' });
    const deep = Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`t${i}`, first]));
    const error = await failureOf(load(sharded({ ...map, ...deep })));
    expect(error).toMatchObject({ code: 'checkpoint-invalid' });
    expect(error.message).toContain('t0');
  });

  test('with an index that has a map', async () => {
    expect(await failureOf(load({ ...sharded(), 'model.safetensors.index.json': json({}) }))).toMatchObject({
      code: 'checkpoint-invalid',
    });
  });
});

describe('sizes', () => {
  test.for([
    ['hidden_size', { hidden_size: 2048 }],
    ['d_model', { d_model: 2048 }],
    ['num_hidden_layers', { num_hidden_layers: 32 }],
    ['n_layer', { n_layer: 32 }],
    ['intermediate_size', { intermediate_size: 160 }],
    ['state_size', { state_size: 'sixteen' }],
    ['conv_kernel', { conv_kernel: 2 }],
    ['time_step_rank', { time_step_rank: 48 }],
    ['use_bias', { use_bias: true }],
    ['use_conv_bias', { use_conv_bias: false }],
    ['vocab_size', { vocab_size: 50_280 }],
    ['tie_word_embeddings', { tie_word_embeddings: false }],
    ['d_state', { ssm_cfg: { d_state: 64 } }],
  ] as const)(
    'are those of the tensors, with a warning when the config says another %s',
    async ([field, wrong]) => {
      const events: LoadProgress[] = [];
      await using model = await load(tinyFiles(tinyTensors(), { ...tinyConfig, ...wrong }), {
        onProgress: (event) => events.push(event),
      });
      const warning = expect.objectContaining({
        code: 'config-disagrees',
        details: expect.objectContaining({ field }),
      });
      expect(model.warnings).toContainEqual(warning);
      expect(events).toContainEqual({ phase: 'warning', warning });
      expect(model.config).toMatchObject({ dModel: 8, dInner: 16, dState: 4, layers: 2, tied: true });
      expect(await model.logits(prompt)).toEqual(await logitsOf(tinyFiles()));
    },
  );

  test('agree with the config of the original package, which says little', async () => {
    const config = {
      d_model: 8,
      n_layer: 2,
      vocab_size: 20,
      ssm_cfg: { d_state: 4, dt_rank: 'auto' },
      rms_norm: true,
      pad_vocab_size_multiple: 8,
    };
    await using model = await load(tinyFiles(renamed(tinyTensors(), hfToOriginal), config));
    expect(model.warnings.map(({ code }) => code)).toEqual(['tokenizer-missing']);
    expect(model.config).toMatchObject({ rows: 24, vocabulary: 20, eosIds: [] });
  });

  test('need no config at all', async () => {
    await using model = await load(tinyFiles(tinyTensors(), null));
    expect(model.warnings.map(({ code }) => code)).toEqual(['config-missing', 'tokenizer-missing']);
    expect(await model.logits(prompt)).toEqual(await logitsOf(tinyFiles()));
  });

  test('that contradict one another name the tensor', async () => {
    const tensors = tinyTensors();
    const name = 'backbone.layers.1.mixer.out_proj.weight';
    const wrong = { ...tensors, [name]: { ...tensors[name]!, shape: [16, 8] } };
    expect(await failureOf(load(tinyFiles(wrong)))).toMatchObject({
      code: 'checkpoint-shape',
      details: { tensor: name, shape: [16, 8], wanted: [8, 16] },
    });
  });

  test.for([
    'backbone.layers.0.mixer.A_log',
    'backbone.embeddings.weight',
    'backbone.norm_f.weight',
    'backbone.layers.1.mixer.D',
  ])('cannot do without %s', async (name) => {
    const { [name]: _, ...rest } = tinyTensors();
    const error = await failureOf(load(tinyFiles(rest)));
    expect(error).toMatchObject({ code: 'checkpoint-invalid' });
    expect(error.message).toContain(name.replace('backbone.', '').replace('embeddings', 'embedding'));
  });

  test('need every layer up to the last', async () => {
    const gap = renamed(tinyTensors(), (name) => name.replace('layers.1.', 'layers.7.'));
    const error = await failureOf(load(tinyFiles(gap)));
    expect(error).toMatchObject({ code: 'checkpoint-invalid' });
    expect(error.message).toContain('not layer 1');
  });

  test('of nothing are refused', async () => {
    const tensors = tinyTensors();
    const empty = {
      ...tensors,
      'backbone.embeddings.weight': { dtype: 'f32', shape: [0, 8], bytes: new Uint8Array() },
    } as const;
    expect(await failureOf(load(tinyFiles(empty)))).toMatchObject({ code: 'checkpoint-shape' });
  });
});

describe('the config', () => {
  test('may have the bare Infinity and NaN of Python', async () => {
    const text = JSON.stringify({
      ...tinyConfig,
      time_step_limit: 'X',
      note: 'to Infinity and "NaN"',
    }).replace('"X"', '[0.0, Infinity, -Infinity, NaN]');
    await using model = await load({ ...tinyFiles(), 'config.json': json(text) });
    expect(model.warnings.map(({ code }) => code)).toEqual(['tokenizer-missing']);
  });

  test.for([
    ['{"hidden_size": 8', 'config-invalid'],
    ['[1, 2]', 'config-invalid'],
    ['{"layer_norm_epsilon": -1}', 'config-invalid'],
    ['{"layer_norm_epsilon": "small"}', 'config-invalid'],
    ['{"rms_norm": false}', 'model-unsupported'],
    ['{"hidden_act": "gelu"}', 'model-unsupported'],
  ] as const)('%s is refused', async ([text, code]) => {
    expect(await failureOf(load({ ...tinyFiles(), 'config.json': json(text) }))).toMatchObject({ code });
  });

  test('gives the epsilon of the norms', async () => {
    const large = await logitsOf(tinyFiles(tinyTensors(), { ...tinyConfig, layer_norm_epsilon: 1 }));
    expect(large).not.toEqual(await logitsOf(tinyFiles()));
  });

  test.for([
    [{ eos_token_id: [5, 6] }, undefined, [5, 6]],
    [{ eos_token_id: 5 }, { eos_token_id: 7 }, [7]],
    [{ eos_token_id: null }, undefined, []],
  ] as const)('%o with the generation config %o ends texts with %o', async ([config, generation, eosIds]) => {
    const files = tinyFiles(tinyTensors(), { ...tinyConfig, ...config });
    await using model = await load({
      ...files,
      ...(generation && { 'generation_config.json': json(generation) }),
    });
    expect(model.config.eosIds).toEqual(eosIds);
  });
});

describe('an end that only tokenizer_config.json knows', () => {
  const withoutEnd = { ...tinyConfig, eos_token_id: undefined };
  /** A tokenizer of these letters and no merges. */
  const lettersOf = (letters: string, more: object = {}): Uint8Array => {
    const vocab = Object.fromEntries([...letters].map((letter, id) => [letter, id]));
    return json({ ...more, model: { type: 'BPE', vocab, merges: [] } });
  };
  // The added token has the id after these.
  const vocabulary = lettersOf('abcdefg');
  const config = (extra: object = {}): Uint8Array =>
    json({
      eos_token: '<|im_end|>',
      added_tokens_decoder: { 7: { content: '<|im_end|>', special: true }, x: 1, 9: null },
      ...extra,
    });

  test('is drawn, and ends a text', async () => {
    const files = { ...tinyFiles(tinyTensors(), withoutEnd), 'tokenizer.json': vocabulary };
    await using model = await load({ ...files, 'tokenizer_config.json': config() });
    expect(model.config).toMatchObject({ eosIds: [7], vocabulary: 8 });
    expect(model.encode('a<|im_end|>')).toEqual([0, 7]);
    const options = { maxTokens: 200, temperature: 5, topP: 1, seed: 3 };
    const generation = model.generate('abc', options);
    const ids: number[] = [];
    for await (const { id } of generation) ids.push(id);
    expect(ids.at(-1)).toBe(7);
    expect(generation.summary?.reason).toBe('stop-id');
  });

  test('is known without a tokenizer, and as an object', async () => {
    const files = tinyFiles(tinyTensors(), withoutEnd);
    for (const eos_token of ['<|im_end|>', { content: '<|im_end|>' }]) {
      await using model = await load({ ...files, 'tokenizer_config.json': config({ eos_token }) });
      expect(model.config.eosIds).toEqual([7]);
    }
  });

  test('is the one of the tokenizer where that has it', async () => {
    const files = tinyFiles(tinyTensors(), withoutEnd);
    const tokenizer = lettersOf('abcde', {
      added_tokens: [{ id: 5, content: '<|im_end|>', special: true }],
    });
    await using model = await load({
      ...files,
      'tokenizer.json': tokenizer,
      'tokenizer_config.json': config(),
    });
    expect(model.config).toMatchObject({ eosIds: [5], vocabulary: 6 });
  });

  test('is refused where the tokenizer would give it another id', async () => {
    const files = { ...tinyFiles(tinyTensors(), withoutEnd), 'tokenizer.json': lettersOf('abc') };
    await expect(load({ ...files, 'tokenizer_config.json': config() })).rejects.toMatchObject({
      code: 'tokenizer-unsupported',
      message: expect.stringContaining('the id 7 where its place in the list gives it 3') as string,
    });
  });

  test('may lie after all that the tokenizer or the config counts', async () => {
    const files = tinyFiles(tinyTensors(), { ...tinyConfig, vocab_size: 10, eos_token_id: 20 });
    await using model = await load(files);
    expect(model.config.vocabulary).toBe(21);
    await using other = await load({ ...files, 'tokenizer.json': vocabulary });
    expect(other.config.vocabulary).toBe(21);
  });
});

describe('other families are refused by name:', () => {
  const plus = (name: string, shape: readonly number[] = [2]): Tensors => {
    const bytes = encode(new Float32Array(shape.reduce((a, b) => a * b)), 'f32');
    return { ...tinyTensors(), [name]: { dtype: 'f32', shape, bytes } };
  };
  test.for([
    ['Mamba-2', plus('backbone.layers.0.mixer.dt_bias'), tinyConfig],
    ['Mamba-3', plus('backbone.layers.0.mixer.B_bias'), tinyConfig],
    ['Jamba', renamed(tinyTensors(), (name) => name.replace('mixer', 'mamba')), tinyConfig],
    ['attention', plus('backbone.layers.1.self_attn.q_proj.weight'), tinyConfig],
    ['No layer', renamed(tinyTensors(), (name) => name.replace('mixer', 'mlp')), tinyConfig],
    ['norm2', plus('backbone.layers.1.norm2.weight', [8]), tinyConfig],
  ] as const)('%s', async ([family, tensors, config]) => {
    const error = await failureOf(load(tinyFiles(tensors, config)));
    expect(error).toMatchObject({ code: 'model-unsupported' });
    expect(error.message).toContain(family);
  });
});

describe('the head', () => {
  test('of its own is used', async () => {
    const tensors = tinyTensors({ untied: true });
    await using model = await load(tinyFiles(tensors));
    expect(model.config.tied).toBe(false);
    expect(await model.logits(prompt)).not.toEqual(await logitsOf(tinyFiles()));
  });

  test('that is a copy of the embedding is not kept twice', async () => {
    const tensors = tinyTensors();
    const copied = { ...tensors, 'lm_head.weight': tensors['backbone.embeddings.weight']! };
    await using model = await load(tinyFiles(copied));
    expect(model.config.tied).toBe(true);
    expect(model.parts.headWeight).toBeUndefined();
    expect(await model.logits(prompt)).toEqual(await logitsOf(tinyFiles()));
  });
});

describe('the tokenizer', () => {
  const tokenizer = (letters: string): Uint8Array =>
    json({
      model: {
        type: 'BPE',
        vocab: Object.fromEntries([...letters].map((letter, id) => [letter, id])),
        merges: [],
      },
    });

  test('bounds what is drawn: rows after its last id are padding', async () => {
    await using model = await load({ ...tinyFiles(), 'tokenizer.json': tokenizer('abcdef') });
    expect(model.config).toMatchObject({ rows: 24, vocabulary: 6 });
    expect(model.warnings).toEqual([]);
    const text = await model
      .generate('abc', { maxTokens: 30, temperature: 3, topP: 1, seed: 1, stopIds: [] })
      .text();
    expect(text).toMatch(/^[a-f ]+$/);
    expect(() => model.encode([6])).toThrow(expect.objectContaining({ code: 'token-invalid' }));
  });

  test('may not be larger than the embedding without a warning', async () => {
    const letters = Array.from({ length: 30 }, (_, i) => String.fromCodePoint(97 + i)).join('');
    await using model = await load({ ...tinyFiles(), 'tokenizer.json': tokenizer(letters) });
    expect(model.warnings.map(({ code }) => code)).toEqual(['tokenizer-larger']);
    expect(model.encode('a')).toEqual([0]);
    expect(() => model.encode(letters.at(-1)!)).toThrow(expect.objectContaining({ code: 'token-invalid' }));
  });

  test.for(['{', '[]', '{}', '{"model": {"vocab": {"a": -1}}}'])('%s is refused', async (text) => {
    expect(await failureOf(load({ ...tinyFiles(), 'tokenizer.json': json(text) }))).toMatchObject({
      code: 'tokenizer-invalid',
    });
  });
});

describe('dtypes', () => {
  test.for(['bf16', 'f16', 'f64'] as const)('%s is read; what needs it stays f32', async (dtype) => {
    await using model = await load(tinyFiles(tinyTensors({ dtype })));
    expect(model.parts.embedding.dtype).toBe(dtype === 'f64' ? 'f32' : dtype);
    expect(model.parts.normWeight.dtype).toBe('f32');
    const exact = await logitsOf(tinyFiles());
    (await model.logits(prompt)).forEach((value, i) => expect(value).toBeCloseTo(exact[i]!, 1));
  });

  test('asked for are used', async () => {
    const asked = await logitsOf(tinyFiles(), { weights: 'bf16' });
    // Only the projections and the embedding are rounded, so it is not the checkpoint stored in bf16.
    expect(asked).not.toEqual(await logitsOf(tinyFiles()));
    await using model = await load(tinyFiles(), { weights: 'bf16' });
    expect([model.parts.embedding.dtype, model.parts.normWeight.dtype]).toEqual(['bf16', 'f32']);
  });

  test('that parameters cannot have are refused by name', async () => {
    const name = 'backbone.layers.0.mixer.D';
    const wrong = {
      ...tinyTensors(),
      [name]: { dtype: 'i32', shape: [16], bytes: new Uint8Array(64) },
    } as const;
    expect(await failureOf(load(tinyFiles(wrong)))).toMatchObject({
      code: 'checkpoint-dtype',
      details: { tensor: name, stored: 'I32' },
    });
  });
});

describe('the backend', () => {
  test('may be given as a registration', async () => {
    const backend = registrationOf({ ...createReferenceBackend(), id: 'mine' });
    await using model = await load(tinyFiles(), { backend });
    expect(model.engine.id).toBe('mine');
    expect(model.decision?.summary).toContain('mine');
  });

  test('may be an engine, which stays open', async () => {
    await using engine = await engineOf();
    const model = await load(tinyFiles(), { engine, backend: undefined });
    await model.logits(prompt);
    await model.dispose();
    expect(engine.memory()).toMatchObject({ tensorBytes: 0, liveBytes: 0 });
    using zeros = engine.zeros([1]);
    expect([...(await zeros.read())]).toEqual([0]);
  });

  test('that is not there is an error with the decision', async () => {
    const error = await failureOf(load(tinyFiles(), { backend: 'abacus' }));
    expect(error).toMatchObject({ code: 'backend-unavailable' });
  });

  test('that lacks an op is refused before weights are read', async () => {
    const reference = createReferenceBackend();
    const backend = registrationOf({
      ...reference,
      id: 'lame',
      ops: reference.ops.filter((op) => op !== 'sample'),
    });
    const phases: string[] = [];
    const error = await failureOf(
      load(tinyFiles(), { backend, onProgress: ({ phase }) => phases.push(phase) }),
    );
    expect(error).toMatchObject({ code: 'backend-unavailable' });
    expect(error.message).toContain('sample');
    expect(phases).not.toContain('weights');
  });
});

describe('progress', () => {
  test('tells the source, the backend, every tensor, and the end', async () => {
    const events: LoadProgress[] = [];
    const files = tinyFiles();
    await using _ = await load(files, { onProgress: (event) => events.push(event) });
    const phases = events.map(({ phase }) => phase);
    expect([...new Set(phases)]).toEqual(['source', 'warning', 'backend', 'weights', 'ready']);
    const weights = events.filter((event) => event.phase === 'weights');
    expect(weights.length).toBe(Object.keys(tinyTensors()).length);
    expect(new Set(weights.map(({ total }) => total)).size).toBe(1);
    expect(weights.at(-1)!.bytes).toBe(weights[0]!.total);
    for (let i = 1; i < weights.length; i++) expect(weights[i]!.bytes).toBeGreaterThan(weights[i - 1]!.bytes);
  });
});

describe('when loading fails', () => {
  let engine: Engine;
  beforeAll(async () => void (engine = await engineOf()));
  const nothingIsLeft = (): void =>
    expect(engine.memory()).toMatchObject({ tensorBytes: 0, storages: 0, liveBytes: 0, liveBuffers: 0 });

  test('at any length of a truncated file, nothing is left', async () => {
    const { 'model.safetensors': whole, ...rest } = tinyFiles();
    for (let length = 0; length < whole!.length; length += Math.ceil(whole!.length / 40)) {
      const error = await failureOf(
        loadModel(blobs({ 'model.safetensors': whole!.subarray(0, length), ...rest }), { engine }),
      );
      expect(error).toMatchObject({ code: 'checkpoint-truncated' });
      nothingIsLeft();
    }
  });

  test('at any length of a truncated file of torch.save, nothing is left', async () => {
    const whole = torchArchive(tinyTensors());
    for (let length = 0; length < whole.length; length += Math.ceil(whole.length / 20)) {
      const files = blobs({ 'pytorch_model.bin': whole.subarray(0, length) });
      expect(await failureOf(loadModel(files, { engine }))).toMatchObject({ code: 'checkpoint-truncated' });
      nothingIsLeft();
    }
  });

  test('because the file shrinks while it is read, nothing is left', async () => {
    const files = blobs(tinyFiles());
    const real = files['model.safetensors']!;
    for (let reads = 2; reads < 20; reads += 3) {
      let left = reads;
      files['model.safetensors'] = Object.assign(new Blob([await real.arrayBuffer()]), {
        slice: (start: number, end: number) =>
          left-- > 0 ? real.slice(start, end) : real.slice(start, end - 1),
      });
      expect(await failureOf(loadModel(files, { engine }))).toMatchObject({ code: 'checkpoint-truncated' });
      nothingIsLeft();
    }
  });

  test('because it was aborted, at every event, there is one error and nothing is left', async () => {
    const events: LoadProgress[] = [];
    await (await load(tinyFiles(), { onProgress: (event) => events.push(event) })).dispose();
    for (let at = 0; at <= events.length; at++) {
      const controller = new AbortController();
      if (at === 0) controller.abort(new Error('enough'));
      let seen = 0;
      const onProgress = (): void => {
        if (++seen === at) controller.abort(new Error('enough'));
      };
      const error = await failureOf(
        loadModel(blobs(tinyFiles()), { engine, signal: controller.signal, onProgress }),
      );
      expect(error).toMatchObject({ code: 'aborted', name: 'AbortError', cause: new Error('enough') });
      nothingIsLeft();
    }
  });

  test('because the listener throws, nothing is left', async () => {
    const onProgress = ({ phase }: LoadProgress): void => {
      if (phase === 'weights') throw new RangeError('mine');
    };
    await expect(loadModel(blobs(tinyFiles()), { engine, onProgress })).rejects.toThrow('mine');
    nothingIsLeft();
  });

  test('because memory ran out, nothing is left', async () => {
    const backend = createReferenceBackend();
    const { alloc } = backend;
    let left = 9;
    const small = await engineOf({
      ...backend,
      id: 'small',
      alloc: (bytes, options) => {
        if (left-- === 0) throw new Error('no more');
        return alloc(bytes, options);
      },
    });
    await expect(loadModel(blobs(tinyFiles()), { engine: small })).rejects.toThrow('no more');
    expect(small.memory()).toMatchObject({ tensorBytes: 0, liveBytes: 0 });
  });

  test('an engine that it opened is closed', async () => {
    const backend = createReferenceBackend();
    let closed = 0;
    const registration = registrationOf({ ...backend, id: 'mine', dispose: () => void closed++ });
    const controller = new AbortController();
    const onProgress = ({ phase }: LoadProgress): void => {
      if (phase === 'weights') controller.abort();
    };
    await failureOf(load(tinyFiles(), { backend: registration, signal: controller.signal, onProgress }));
    expect(closed).toBe(1);
    expect(backend.memory().liveBytes).toBe(0);
  });
});
