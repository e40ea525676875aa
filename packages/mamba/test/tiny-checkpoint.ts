import { encode } from '@ss/core';
import type { FloatDType } from '@ss/core';
import { blockParameters, CounterRandom, initialValue, mambaConfig } from '@ss/mamba-block';
import type { MambaConfig } from '@ss/mamba-block';
import { outerParameters } from '../src/checkpoint/inspect.ts';
import { writeSafetensors } from '../src/safetensors/write.ts';
import type { TensorToStore } from '../src/safetensors/write.ts';

export type Files = Record<string, Uint8Array>;
export type Tensors = Record<string, TensorToStore>;

export const tinyBlock: MambaConfig = mambaConfig({ dModel: 8, dState: 4, dtRank: 2 });
export const tinyLayers = 2;
export const tinyRows = 24;

/** `config.json` of the tiny checkpoint as Hugging Face writes it. */
export const tinyConfig: Readonly<Record<string, unknown>> = {
  model_type: 'mamba',
  hidden_size: 8,
  intermediate_size: 16,
  state_size: 4,
  conv_kernel: 4,
  num_hidden_layers: 2,
  time_step_rank: 2,
  vocab_size: 24,
  use_bias: false,
  use_conv_bias: true,
  eos_token_id: 0,
};

/** Every tensor of a tiny Mamba-1 model by the names Hugging Face gives them. */
export function tinyTensors({ untied = false, dtype = 'f32' as FloatDType } = {}): Tensors {
  const random = new CounterRandom(9);
  const uniform = (count: number): Float32Array =>
    Float32Array.from({ length: count }, () => random.uniform(-0.5, 0.5));
  const tensors: Tensors = {};
  const add = (name: string, shape: readonly number[], values: Float32Array): void => {
    tensors[name] = { dtype, shape, bytes: encode(values, dtype) };
  };
  for (const { name, shape } of outerParameters(tinyBlock, tinyRows, untied)) {
    const stored = name === 'lm_head.weight' ? name : `backbone.${name.replace('embedding.', 'embeddings.')}`;
    add(stored, shape, uniform(shape.reduce((a, b) => a * b)));
  }
  for (let layer = 0; layer < tinyLayers; layer++) {
    for (const spec of blockParameters(tinyBlock)) {
      add(
        `backbone.layers.${layer}.${spec.name}`,
        spec.shape,
        initialValue(spec, tinyBlock, random, tinyLayers),
      );
    }
  }
  return tensors;
}

/** The same tensors under other names. */
export function renamed(tensors: Tensors, rename: (name: string) => string): Tensors {
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [rename(name), tensor]));
}

/** The files of a model: weights, and a config unless it is null. */
export function tinyFiles(tensors: Tensors = tinyTensors(), config: object | null = tinyConfig): Files {
  return { 'model.safetensors': writeSafetensors(tensors), ...(config && { 'config.json': json(config) }) };
}

export function json(value: unknown): Uint8Array {
  return new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value));
}

/** As `loadModel` takes files in a browser. */
export function blobs(files: Files): Record<string, Blob> {
  return Object.fromEntries(
    Object.entries(files).map(([name, bytes]) => [name, new Blob([bytes as Uint8Array<ArrayBuffer>])]),
  );
}
