import type { Engine } from '@ss/core';
import type { MambaModel } from '@ss/mamba';
import type { Work } from '../work.ts';
import { measure } from './measure.ts';
import type { Budget } from './measure.ts';
import { checkModel, openModel, promptOf, shownModel } from './model.ts';
import type { DecodeSetting } from './model.ts';
import { report, requireAgreement } from './report.ts';

/** Times a step of several texts at once in turn with a step of one text; a run is a step on average. */
export async function benchBatch(
  engine: Engine,
  setting: DecodeSetting & { readonly batch: number },
  budget: Budget,
  work: Work,
): Promise<void> {
  const { batch, steps } = setting;
  await using model = await openModel(engine, setting, work.signal);
  const weightBytes = engine.memory().liveBytes;
  const prompt = promptOf(model, setting.tokens);
  const check = await checkModel(model, setting, prompt, work.signal);
  requireAgreement(check, 'decode');
  const [one, all] = await measure(
    [1, batch].map((texts) => () => stepTime(model, Array<number[]>(texts).fill(prompt), steps, work.signal)),
    budget,
  );
  const ratio = ((batch / all!.median) * one!.median).toFixed(2);
  const row = (
    texts: number,
    timing: typeof one,
    times: string,
  ): Parameters<typeof report>[0]['rows'][number] => ({
    what: `${engine.id}, ${texts} text${texts === 1 ? '' : 's'}`,
    timing: timing!,
    work: { tokens: texts, 'GB of weights': weightBytes / 1e9 },
    more: { 'tokens/s of one': times },
  });
  const rows = [row(1, one, ''), row(batch, all, `${ratio} times`)];
  await report(
    { bench: 'decode', engine, setting: { ...shownModel(model, setting), steps }, check, rows },
    work,
  );
}

/** Milliseconds of a step after the first, in which every text gets a token. */
async function stepTime(
  model: MambaModel,
  prompts: readonly (readonly number[])[],
  steps: number,
  signal: AbortSignal,
): Promise<number> {
  const options = { maxTokens: steps + 1, temperature: 0, stopIds: [], signal };
  const last = prompts.length - 1;
  let first = 0;
  for await (const { prompt, index } of model.generateBatch(prompts, options))
    if (prompt === last && index === 0) first = performance.now();
  return (performance.now() - first) / steps;
}
