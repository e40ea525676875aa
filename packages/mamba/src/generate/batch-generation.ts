import { SsError, throwIfAborted } from '@ss/core';
import { CounterRandom } from '@ss/mamba-block';
import type { Network } from '../network.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import type { Batch } from './batch.ts';
import type { Piece } from './generation.ts';
import { noDistribution } from './no-distribution.ts';
import type { GenerateOptions, Sampling } from './options.ts';
import { pause } from './pause.ts';
import { Pieces } from './pieces.ts';
import { Shown } from './shown.ts';
import { Meter } from './summary.ts';
import type { Measured, StopReason } from './summary.ts';

/** As for one text; prompt i draws with `seed + i`. */
export type BatchOptions = Omit<GenerateOptions, 'state'>;

/** One token drawn for one of the prompts. */
export interface BatchPiece extends Piece {
  /** Which of the prompts it continues, from 0. */
  readonly prompt: number;
}

/** How a batch went; tokens and times are those of all texts together. */
export interface BatchSummary extends Measured {
  /** By prompt. */
  readonly texts: readonly {
    readonly reason: StopReason;
    readonly tokens: number;
    readonly promptTokens: number;
    readonly seed: number;
  }[];
}

/** @internal */
export interface BatchStart {
  readonly network: Network;
  readonly tokenizer: Tokenizer | undefined;
  readonly prompts: readonly (readonly number[])[];
  readonly sampling: Sampling;
  readonly signal: AbortSignal | undefined;
  open(): Batch;
}

/**
 * Pieces of several texts, one of each that has not ended in turn. Nothing runs before the first is asked for;
 * leaving the loop stops the work and frees its memory at once.
 */
export class BatchGeneration extends Pieces<BatchPiece, BatchSummary> {
  readonly #prompts: number;

  /** @internal Made by `model.generateBatch()`. */
  constructor(start: BatchStart) {
    super((report) => generate(start, report));
    this.#prompts = start.prompts.length;
  }

  /** Runs to the end. @returns all text from here on, by prompt */
  async texts(): Promise<string[]> {
    const all = new Array<string>(this.#prompts).fill('');
    for await (const { prompt, text } of this) all[prompt] += text;
    return all;
  }
}

/** One of the texts. */
interface Text {
  readonly seed: number;
  readonly random: CounterRandom;
  readonly shown: Shown;
  readonly promptTokens: number;
  readonly tokens: number[];
  end: StopReason | undefined;
}

async function* generate(
  start: BatchStart,
  report: (summary: BatchSummary) => void,
): AsyncGenerator<BatchPiece, undefined, undefined> {
  const { network, sampling, signal } = start;
  throwIfAborted(signal, 'generating');
  const texts = start.prompts.map((prompt, i) => begin(start, prompt, sampling.seed + i));
  const meter = new Meter();
  let left: StopReason = 'cancelled';
  using batch = start.open();
  try {
    await ready(batch, texts, start, meter);
    for (let index = 0; texts.some(({ end }) => end === undefined); index++) {
      throwIfAborted(signal, 'generating');
      const drawn = await draw(batch, texts, index, meter);
      for (const [prompt, one] of texts.entries()) {
        if (one.end !== undefined) continue;
        const { id, logProb } = drawn[prompt]!;
        if (id < 0) throw noDistribution(`of prompt ${prompt} in step ${index}`, { prompt, step: index });
        one.tokens.push(id);
        const { text, end } = one.shown.add(id, index);
        one.end = end;
        yield { prompt, text, id, logProb, index };
      }
      await pause();
    }
  } catch (error) {
    left = SsError.is(error, 'aborted') ? 'aborted' : 'failed';
    throw error;
  } finally {
    report({
      texts: texts.map(({ end, tokens, promptTokens, seed }) => ({
        reason: end ?? left,
        tokens: tokens.length - promptTokens,
        promptTokens,
        seed,
      })),
      ...meter.measured(network.engine.id),
    });
  }
}

function begin({ tokenizer, sampling }: BatchStart, prompt: readonly number[], seed: number): Text {
  return {
    seed,
    random: new CounterRandom(seed),
    shown: new Shown(tokenizer, sampling, { before: prompt, goesOn: false }),
    promptTokens: prompt.length,
    tokens: [...prompt],
    end: undefined,
  };
}

async function ready(
  batch: Batch,
  texts: readonly Text[],
  { sampling, signal }: BatchStart,
  meter: Meter,
): Promise<void> {
  using _ = meter.start();
  meter.promptTokens = texts.reduce((sum, { promptTokens }) => sum + promptTokens, 0);
  await batch.start(
    texts.map(({ tokens }) => tokens),
    sampling,
    signal,
  );
}

/** One step of all. A text that has ended runs on unseen: what it draws is nobody's. */
async function draw(
  batch: Batch,
  texts: readonly Text[],
  index: number,
  meter: Meter,
): Promise<Awaited<ReturnType<Batch['decoder']['next']>>> {
  using _ = meter.start();
  const drawn = await batch.decoder.next(
    texts.map(({ random }) => random.at(index)),
    texts.map(({ tokens }) => tokens),
  );
  meter.drawn(texts.filter(({ end }) => end === undefined).length);
  return drawn;
}
