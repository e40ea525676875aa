import { ownModel } from '@ss/cli/against';
import type { Manner, ModelRequest, ModelRunner } from '@ss/cli/against';
import { createRegistry } from '@ss/core';
import { randomModel } from '@ss/mamba';
import { wasm } from '@ss/wasm';
import { WllamaModel } from './wllama-model.ts';

/*
 * The page on which @ss/wasm and wllama run one beside the other, in one browser on the same weights. Node calls what
 * it leaves in `globalThis`.
 */

type Sides = Readonly<Record<'ours' | 'theirs', ModelRunner>>;

let sides: Sides | undefined;

const page = {
  /** @returns what both sides say of themselves */
  async open(
    request: ModelRequest,
    weightBytes: number,
  ): Promise<Record<keyof Sides, Pick<ModelRunner, 'what' | 'manner' | 'weightBytes'>>> {
    const { config, seed, ownWeights, threads } = request;
    const engine = await createRegistry([wasm({ threads })]).select({ require: 'wasm' });
    const model = await randomModel(config, { engine, seed, weights: ownWeights });
    const theirs = await WllamaModel.open(request, weightBytes);
    sides = { ours: ownModel(model, `wasm in Chromium`), theirs };
    const say = ({
      what,
      manner,
      weightBytes: bytes,
    }: ModelRunner): { what: string; manner: Manner; weightBytes: number } => ({
      what,
      manner,
      weightBytes: bytes,
    });
    return { ours: say(sides.ours), theirs: say(sides.theirs) };
  },
  async logProbs(side: keyof Sides, tokens: readonly number[]): Promise<number[]> {
    return Array.from(await sides![side].logProbs(tokens));
  },
  prefill: (side: keyof Sides, tokens: readonly number[]): Promise<number> => sides![side].prefill(tokens),
  decode: (side: keyof Sides, tokens: readonly number[], steps: number): Promise<number> =>
    sides![side].decode(tokens, steps),
};

export type Page = typeof page;

Object.assign(globalThis, { bench: page, result: 'ready' });
