import { throwIfAborted } from '@ss/core';
import type { Engine, Tolerance } from '@ss/core';
import { loadModel, randomModel } from '@ss/mamba';
import type { LoadModelOptions, MambaModel } from '@ss/mamba';
import { compare } from '../compare.ts';
import { Random } from '../random.ts';
import type { Work } from '../work.ts';
import { measure, summarize } from './measure.ts';
import type { Budget } from './measure.ts';
import { onReference } from './on-reference.ts';
import { report, requireAgreement } from './report.ts';
import type { Benchmark } from './report.ts';

export interface ModelSetting {
  /** a checkpoint's folder; without one, random weights of the shape below */
  readonly model?: string | undefined;
  readonly dModel: number;
  readonly layers: number;
  readonly vocabulary: number;
  readonly weights: NonNullable<LoadModelOptions['weights']>;
  /** of the prompt */
  readonly tokens: number;
}

export interface DecodeSetting extends ModelSetting {
  /** tokens to time after the first */
  readonly steps: number;
  /** texts that advance together */
  readonly batch?: number | undefined;
}

/** What Hugging Face's test of its Mamba allows logits to differ by. */
const logitsTolerance: Tolerance = { rtol: 1e-3, atol: 1e-3 };
/** With int8 weights, where the reference has those of before: this share of the logits' root mean square. */
const int8Share = 0.15;
/** The reference computes a short prompt; longer ones only repeat it more slowly. */
const checkedTokens = 4;
/** Of a random model. */
export const randomSeed = 0;
/** The whole prompt is compared with itself cut in pieces of this length. */
const otherChunk = 48;

/** Times one evaluation of a prompt, to the logits of its last position. */
export async function benchPrefill(
  engine: Engine,
  setting: ModelSetting,
  budget: Budget,
  work: Work,
): Promise<void> {
  await using model = await openModel(engine, setting, work.signal);
  const prompt = promptOf(model, setting.tokens);
  const check = await checkModel(model, setting, prompt, work.signal);
  requireAgreement(check, 'prefill');
  const [timing] = await measure(
    [async () => void (await model.logits(prompt, { signal: work.signal }))],
    budget,
  );
  const rows = [{ what: engine.id, timing: timing!, work: { tokens: prompt.length } }];
  await report({ bench: 'prefill', engine, setting: shownModel(model, setting), check, rows }, work);
}

/** Times every token of a greedy generation after the first, sampling included. */
export async function benchDecode(engine: Engine, setting: DecodeSetting, work: Work): Promise<void> {
  await using model = await openModel(engine, setting, work.signal);
  const weightBytes = engine.memory().liveBytes;
  const prompt = promptOf(model, setting.tokens);
  const check = await checkModel(model, setting, prompt, work.signal);
  requireAgreement(check, 'decode');
  const times: number[] = [];
  let before: number | undefined;
  const options = { maxTokens: setting.steps + 1, temperature: 0, stopIds: [], signal: work.signal };
  for await (const _ of model.generate(prompt, options)) {
    const now = performance.now();
    if (before !== undefined) times.push(now - before);
    before = now;
  }
  const amount = { tokens: 1, 'GB of weights': weightBytes / 1e9 };
  const more = { 'memory / weights': (engine.memory().reservedBytes / weightBytes).toFixed(2) };
  const rows = [{ what: engine.id, timing: summarize(times), work: amount, more }];
  await report(
    {
      bench: 'decode',
      engine,
      setting: { ...shownModel(model, setting), steps: setting.steps },
      check,
      rows,
    },
    work,
  );
}

export async function openModel(
  engine: Engine,
  setting: ModelSetting,
  signal: AbortSignal,
): Promise<MambaModel> {
  const { model, dModel, layers, vocabulary, weights } = setting;
  if (model !== undefined) return await loadModel(model, { engine, weights, signal });
  const stored = weights === 'stored' ? 'f32' : weights;
  return await randomModel(
    { dModel, layers, vocabulary },
    { seed: randomSeed, engine, weights: stored, signal },
  );
}

export async function checkModel(
  model: MambaModel,
  setting: ModelSetting,
  prompt: readonly number[],
  signal: AbortSignal,
): Promise<Benchmark['check']> {
  const short = prompt.slice(0, checkedTokens);
  const int8 = setting.weights === 'i8';
  const expected = await onReference(async (reference) => {
    await using same = await openModel(reference, int8 ? { ...setting, weights: 'stored' } : setting, signal);
    return await same.logits(short, { signal });
  });
  const allowed = int8 ? { rtol: 0, atol: int8Share * rootMeanSquare(expected) } : logitsTolerance;
  const ofShort = compare(await model.logits(short, { signal }), expected, allowed);
  throwIfAborted(signal, 'comparing logits');
  const whole = await model.logits(prompt, { signal });
  const ofWhole = compare(whole, await model.logits(prompt, { signal, chunk: otherChunk }), logitsTolerance);
  if (ofWhole.used > ofShort.used) return { ...ofWhole, against: 'itself in other chunks' };
  const weights = int8 ? ', weights as stored' : '';
  return { ...ofShort, against: `the reference in float64 (${short.length} tokens${weights})` };
}

function rootMeanSquare(values: Float32Array): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
}

export function promptOf(model: MambaModel, tokens: number): number[] {
  const random = new Random(1);
  return Array.from({ length: tokens }, () => Math.floor(random.uniform() * model.config.vocabulary));
}

export function shownModel(model: MambaModel, setting: ModelSetting): Record<string, unknown> {
  const { dModel, layers, vocabulary } = model.config;
  const random = setting.model === undefined;
  const weights = random && setting.weights === 'stored' ? 'f32' : setting.weights;
  return {
    model: random ? 'random' : setting.model,
    dModel,
    layers,
    vocabulary,
    weights,
    prompt: setting.tokens,
  };
}
