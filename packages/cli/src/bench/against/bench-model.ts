import { SsError, throwIfAborted } from '@ss/core';
import type { Engine } from '@ss/core';
import { Random } from '../../random.ts';
import type { Work } from '../../work.ts';
import type { Budget } from '../measure.ts';
import { openModel, randomSeed, shownModel } from '../model.ts';
import type { DecodeSetting, ModelSetting } from '../model.ts';
import { report } from '../report.ts';
import { compareModels, flopOf } from './compare-models.ts';
import type { ModelAgainst, ModelWork } from './compare-models.ts';
import { ownModel } from './own-model.ts';
import { visibleTokens } from './peer.ts';
import type { ModelRequest } from './peer.ts';

type Setting = ModelSetting & ModelAgainst;

/** Times the evaluation of a prompt in turn with the peers. */
export async function benchPrefillAgainst(
  engine: Engine,
  setting: Setting,
  budget: Budget,
  work: Work,
): Promise<void> {
  await benchAgainst(engine, setting, 0, budget, work, (prompt, flop) => ({
    bench: 'prefill',
    run: (side) => side.prefill(prompt),
    work: () => ({ tokens: prompt.length, GFLOP: flop / 1e9 }),
    limit: 'GFLOP/s',
    amount: () => flop / 1e9,
  }));
}

/** Times greedy generation in turn with the peers; a run is the time a token takes on average. */
export async function benchDecodeAgainst(
  engine: Engine,
  setting: DecodeSetting & ModelAgainst,
  budget: Budget,
  work: Work,
): Promise<void> {
  const { steps, batch } = setting;
  if (batch !== undefined) {
    throw new SsError('argument-invalid', 'The peers generate one text at a time here.', {
      hint: 'Leave out --batch, or --against.',
    });
  }
  await benchAgainst(engine, setting, steps + 1, budget, work, (prompt) => ({
    bench: 'decode',
    run: async (side) => (await side.decode(prompt, steps)) / steps,
    work: ({ weightBytes }) => ({ tokens: 1, 'GB of weights': weightBytes / 1e9 }),
    limit: 'GB/s',
    amount: ({ weightBytes }) => weightBytes / 1e9,
  }));
}

async function benchAgainst(
  engine: Engine,
  setting: Setting,
  generated: number,
  budget: Budget,
  work: Work,
  describe: (prompt: readonly number[], flop: number) => ModelWork,
): Promise<void> {
  const { model: source, dModel, layers, vocabulary, weights } = setting;
  if (source !== undefined) {
    throw new SsError('argument-invalid', 'The peers are given the weights of a random model.', {
      hint: 'Leave out --model, or --against.',
    });
  }
  await using model = await openModel(engine, setting, work.signal);
  const prompt = visiblePrompt(setting.tokens, vocabulary);
  const what = describe(prompt, flopOf(model.config, prompt.length));
  throwIfAborted(work.signal, 'starting peers');
  const ours = ownModel(model, engine.id, work.signal);
  const request: Omit<ModelRequest, 'weights'> = {
    config: { dModel, layers, vocabulary },
    seed: randomSeed,
    ownWeights: weights === 'stored' ? 'f32' : weights,
    threads: ours.manner.threads,
    contextLength: prompt.length + generated,
  };
  const { rows, checks, limits } = await compareModels(ours, setting, request, prompt, what, budget, work);
  const shown = { ...shownModel(model, setting), ...(generated > 0 && { steps: generated - 1 }) };
  const [check, ...others] = checks;
  await report(
    { bench: what.bench, engine, setting: shown, check: check!, checks: others, limits, rows },
    work,
  );
}

/** A prompt of tokens that every peer can be given. */
function visiblePrompt(length: number, vocabulary: number): number[] {
  const [first, last] = visibleTokens;
  if (vocabulary <= last) {
    throw new SsError('argument-invalid', `The peers need a vocabulary of at least ${last + 1} tokens.`, {
      hint: 'Leave out --vocabulary.',
    });
  }
  const random = new Random(1);
  return Array.from({ length }, () => first + Math.floor(random.uniform() * (last - first + 1)));
}
