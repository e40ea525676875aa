import type { Engine } from '@ss/core';
import type { MambaModel } from '@ss/mamba';
import type { Manner, ModelRunner } from './peer.ts';

/** A model of ours, as a side of a comparison. */
export function ownModel(model: MambaModel, what: string, signal?: AbortSignal): ModelRunner {
  const { engine } = model;
  return {
    what,
    manner: mannerOf(engine),
    weightBytes: engine.memory().liveBytes,
    logProbs: async (tokens) => logSoftmax(await model.logits(tokens, { signal })),
    async prefill(tokens) {
      const started = performance.now();
      await model.logits(tokens, { signal });
      return performance.now() - started;
    },
    async decode(tokens, steps) {
      let first = 0;
      const options = { maxTokens: steps + 1, temperature: 0, stopIds: [], signal };
      for await (const { index } of model.generate(tokens, options))
        if (index === 0) first = performance.now();
      return performance.now() - first;
    },
  };
}

/** How an engine runs, as its device says: wasm has kernels with and without relaxed SIMD, native ones an ISA. */
export function mannerOf({ device }: Engine): Manner {
  const { threads, simd, isa } = device.facts;
  return { threads: Number(threads ?? 1), simd: String(simd ?? isa ?? '') };
}

export function logSoftmax(logits: Float32Array): Float32Array {
  const most = logits.reduce((a, b) => Math.max(a, b));
  const log = most + Math.log(logits.reduce((sum, value) => sum + Math.exp(value - most), 0));
  return logits.map((value) => value - log);
}
