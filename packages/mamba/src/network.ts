import type { Computed, DType, Engine, FloatTensor, Tensor } from '@ss/core';
import type { Layer, LayerState } from '@ss/mamba-block';
import type { ModelConfig } from './model-config.ts';
import type { EncodeOptions } from './tokenizer/tokenizer.ts';

/** What sessions and generations need of a model: its layers in order, and what stands around them. */
export interface Network {
  readonly engine: Engine;
  readonly config: ModelConfig;
  readonly layers: readonly Layer[];
  readonly fingerprint: string;
  /** (...) i32 ids to (..., K) */
  embed(ids: Tensor): FloatTensor;
  /** The norm after the last layer. */
  norm<X extends DType>(x: Tensor<X>): Computed<X>;
  /** (..., K) to logits (..., rows) */
  head<X extends DType>(x: Tensor<X>): Computed<X>;
  /** Ids of a text, or ids that were checked. */
  encode(prompt: Prompt, options?: EncodeOptions): readonly number[];
}

export type Prompt = string | readonly number[];

export interface ForwardOptions {
  readonly states?: readonly LayerState[] | undefined;
  /** (S + 1) i32, when x is S sequences packed into one row. */
  readonly cuSeqlens?: Tensor | undefined;
  /** Sees what each layer gives. */
  readonly after?: ((output: FloatTensor, index: number) => void) | undefined;
}

/** (B, L, K) through every layer; `x` stays the caller's. */
export function forwardLayers(
  layers: readonly Layer[],
  x: FloatTensor,
  { states, cuSeqlens, after }: ForwardOptions = {},
): FloatTensor {
  const run = (layer: Layer, input: FloatTensor, i: number): FloatTensor =>
    layer.forward(input, states?.[i], cuSeqlens);
  return throughLayers(layers, x, run, after);
}

/** (B, K) through every layer, one step; `x` stays the caller's. */
export function stepLayers(
  layers: readonly Layer[],
  x: FloatTensor,
  states: readonly LayerState[],
): FloatTensor {
  return throughLayers(layers, x, (layer, input, i) => layer.step(input, states[i]!));
}

function throughLayers(
  layers: readonly Layer[],
  x: FloatTensor,
  run: (layer: Layer, input: FloatTensor, index: number) => FloatTensor,
  after: (output: FloatTensor, index: number) => void = () => undefined,
): FloatTensor {
  let current = x.alias();
  for (const [index, layer] of layers.entries()) {
    using input = current;
    current = run(layer, input, index);
    after(current, index);
  }
  return current;
}
