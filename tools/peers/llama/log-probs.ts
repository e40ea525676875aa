import { logSoftmax } from '@ss/cli/against';
import type { PeerWeights } from '@ss/cli/against';
import { createRegistry } from '@ss/core';
import type { BackendRegistration } from '@ss/core';
import { randomModel } from '@ss/mamba';
import type { RandomModelConfig } from '@ss/mamba';
import { openLlama } from './open-llama.ts';

export interface Asked {
  readonly config: RandomModelConfig;
  readonly weights: Exclude<PeerWeights, 'q8_0'>;
  /** After each of these prompts all log-probabilities are compared. */
  readonly prompts: readonly (readonly number[])[];
  readonly backend: string;
  /** default: those that are installed */
  readonly backends?: readonly BackendRegistration[];
}

/** The largest difference between our log-probabilities and llama.cpp's on the same random weights. */
export async function logProbDifference({
  config,
  weights,
  prompts,
  backend,
  backends,
}: Asked): Promise<number> {
  const seed = 0;
  const contextLength = Math.max(...prompts.map(({ length }) => length));
  const request = { config, seed, weights, ownWeights: weights, threads: 1, contextLength };
  await using theirs = await openLlama(request);
  await using engine = await createRegistry(backends).select({ require: backend });
  await using ours = await randomModel(config, { engine, seed, weights });
  let most = 0;
  for (const prompt of prompts) {
    const expected = await theirs.logProbs(prompt);
    const actual = logSoftmax(await ours.logits(prompt));
    // Written so that NaN wins.
    actual.forEach((value, id) => {
      const difference = Math.abs(value - expected[id]!);
      if (!(difference <= most)) most = difference;
    });
  }
  return most;
}
