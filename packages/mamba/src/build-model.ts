import type { Engine, Tensor } from '@ss/core';
import { MambaBlock, placeParameter } from '@ss/mamba-block';
import type { BlockWeights, MambaConfig, ParameterSpec, ParameterValue, WeightDType } from '@ss/mamba-block';
import type { ModelParts } from './model.ts';

/** The weights of a model on their way to the device, one at a time; all of them can be freed at any moment. */
export class Weights {
  readonly #engine: Engine;
  readonly #dtype: WeightDType;
  readonly #outer = new Map<string, Tensor>();
  readonly #layers: Map<string, Tensor>[] = [];

  constructor(engine: Engine, dtype: WeightDType) {
    this.#engine = engine;
    this.#dtype = dtype;
  }

  /** @param layer undefined for what is outside the layers */
  place(layer: number | undefined, spec: ParameterSpec, value: ParameterValue): void {
    const into = layer === undefined ? this.#outer : (this.#layers[layer] ??= new Map<string, Tensor>());
    into.set(spec.key, placeParameter(this.#engine, spec, value, this.#dtype));
  }

  /** The parts of a model that are weights, once all are placed. What they were packed from is given back. */
  parts(block: MambaConfig): Pick<ModelParts, 'embedding' | 'normWeight' | 'headWeight' | 'layers'> {
    this.#engine.trim();
    return {
      embedding: this.#outer.get('embedding')!,
      normWeight: this.#outer.get('norm')!,
      headWeight: this.#outer.get('head'),
      layers: this.#layers.map(
        (weights) =>
          new MambaBlock(this.#engine, block, Object.fromEntries(weights) as unknown as BlockWeights),
      ),
    };
  }

  dispose(): void {
    for (const tensors of [this.#outer, ...this.#layers])
      for (const tensor of tensors.values()) tensor.dispose();
  }
}
