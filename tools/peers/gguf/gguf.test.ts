import { readFileSync } from 'node:fs';
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GGMLQuantizationType, gguf } from '@huggingface/gguf';
import { randomParameters } from '@ss/mamba';
import { expect, test } from 'vitest';
import { encodeTensor } from './encode.ts';
import { textOf } from './text.ts';
import { writeMambaGguf } from './mamba.ts';

const config = { dModel: 32, layers: 2, vocabulary: 150 };
const seed = 3;

/** The file as another implementation reads it, and the bytes of its tensors. */
async function written(type: 'f32' | 'bf16' | 'f16' | 'q8_0'): Promise<{
  metadata: Record<string, unknown>;
  tensors: Map<string, { shape: number[]; dtype: number; bytes: Uint8Array }>;
  weightBytes: number;
}> {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'ss-gguf-'));
  const path = join(folder.path, 'model.gguf');
  const weightBytes = writeMambaGguf(path, config, seed, type);
  const { metadata, tensorInfos, tensorDataOffset } = await gguf(path, { allowLocalFile: true });
  const file = readFileSync(path);
  const starts = tensorInfos.map(({ offset }) => Number(tensorDataOffset + offset));
  const tensors = tensorInfos.map(({ name, shape, dtype }, i) => {
    const bytes = new Uint8Array(file.subarray(starts[i], starts[i + 1] ?? file.length));
    return [name, { shape: shape.map(Number), dtype, bytes }] as const;
  });
  return { metadata: metadata as Record<string, unknown>, tensors: new Map(tensors), weightBytes };
}

test('another reader finds the sizes of the model', async () => {
  const { metadata } = await written('f32');
  expect(metadata).toMatchObject({
    version: 3,
    'general.architecture': 'mamba',
    'mamba.embedding_length': 32,
    'mamba.block_count': 2,
    'mamba.ssm.conv_kernel': 4,
    'mamba.ssm.inner_size': 64,
    'mamba.ssm.state_size': 16,
    'mamba.ssm.time_step_rank': 2,
    'mamba.attention.layer_norm_rms_epsilon': Math.fround(1e-5),
  });
  expect(metadata['tokenizer.ggml.tokens']).toHaveLength(150);
});

test('every weight lies where another reader looks for it', async () => {
  const { tensors, weightBytes } = await written('f32');
  const parameters = randomParameters(config, seed);
  expect(tensors.size).toBe(parameters.length);
  expect(weightBytes).toBe(parameters.reduce((sum, { values }) => sum + 4 * values().length, 0));
  const floats = (name: string): number[] => {
    const { bytes, shape } = tensors.get(name)!;
    return [
      ...new Float32Array(
        bytes.buffer,
        0,
        shape.reduce((a, b) => a * b),
      ),
    ];
  };
  const drawn = (layer: number | undefined, key: string): number[] => [
    ...parameters.find((one) => one.layer === layer && one.spec.key === key)!.values(),
  ];
  expect(floats('token_embd.weight')).toEqual(drawn(undefined, 'embedding'));
  expect(floats('blk.1.ssm_in.weight')).toEqual(drawn(1, 'inProj'));
  expect(floats('blk.1.ssm_dt.bias')).toEqual(drawn(1, 'dtBias'));
  // A = -(1, ..., 16) at initialisation, up to the rounding of the logarithm that is stored.
  floats('blk.0.ssm_a').forEach((a, i) => expect(a).toBeCloseTo(-1 - (i % 16), 4));
  // The innermost extent comes first.
  expect(tensors.get('blk.0.ssm_in.weight')!.shape).toEqual([32, 128]);
  expect(tensors.get('blk.0.ssm_conv1d.weight')!.shape).toEqual([4, 64]);
});

test.each(['bf16', 'f16', 'q8_0'] as const)('%s is for projections alone', async (type) => {
  const { tensors } = await written(type);
  const of = (name: string): string => GGMLQuantizationType[tensors.get(name)!.dtype]!.toLowerCase();
  expect(of('token_embd.weight')).toBe(type);
  expect(of('blk.0.ssm_out.weight')).toBe(type);
  for (const name of ['ssm_a', 'ssm_d', 'ssm_conv1d.weight', 'attn_norm.weight', 'ssm_dt.bias'])
    expect(of(`blk.0.${name}`)).toBe('f32');
  // Two columns are no block of 32.
  expect(of('blk.0.ssm_dt.weight')).toBe(type === 'q8_0' ? 'f32' : type);
});

test('q8_0 is off by half a step of its block at most, and by the rounding of the scale', () => {
  const values = Float32Array.from({ length: 96 }, (_, i) => (i < 64 ? Math.sin(i) * 10 ** (i >> 5) : 0));
  const bytes = encodeTensor(values, 'q8_0');
  expect(bytes.length).toBe(3 * 34);
  for (let block = 0; block < 3; block++) {
    const own = values.subarray(32 * block, 32 * block + 32);
    const most = own.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
    const scale = new Float16Array(bytes.slice(34 * block, 34 * block + 2).buffer)[0]!;
    own.forEach((value, i) => {
      const q = new Int8Array(bytes.buffer)[34 * block + 2 + i]!;
      expect(Math.abs(q * scale - value)).toBeLessThanOrEqual((most / 127) * (0.5 + 127 * 2 ** -11));
    });
  }
});

test('tokens that are visible characters are a text, and no others', () => {
  expect(textOf([2, 32, 93])).toBe('#A~');
  expect(textOf([2, 94])).toBeUndefined();
});
