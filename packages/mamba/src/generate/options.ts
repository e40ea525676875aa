import { checkOptions, showValue } from '@ss/core';
import type { OptionNames } from '@ss/core';
import { failure } from '../errors.ts';
import type { Session } from '../session/session.ts';

/** How far and how to draw. */
export interface GenerateOptions {
  /** default 256 */
  readonly maxTokens?: number | undefined;
  /** Spread of the distribution; 0 takes the likeliest token. Default 0.8 */
  readonly temperature?: number | undefined;
  /** Draw among this many of the likeliest; 0 for all. Default 0 */
  readonly topK?: number | undefined;
  /** Draw among the likeliest that together reach this probability; default 0.95 */
  readonly topP?: number | undefined;
  /** Draw among those with this share of the largest probability; default 0 */
  readonly minP?: number | undefined;
  /** Above 1 makes recent tokens less likely; default 1 */
  readonly repetitionPenalty?: number | undefined;
  /** Tokens that count as recent, prompt included; default 64 */
  readonly repetitionWindow?: number | undefined;
  /** The text ends before any of these; nothing of them is shown. */
  readonly stop?: string | readonly string[] | undefined;
  /** Ids that end the text; default the model's `config.eosIds` */
  readonly stopIds?: readonly number[] | undefined;
  /** Integer in [0, 2^53). One seed draws the same numbers on every backend; default random, see the summary */
  readonly seed?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Continue from here; it then stands after the last piece. Default: from nothing, freed at the end */
  readonly state?: Session | undefined;
  /** Tokens of the prompt that are run at once; default 256 */
  readonly chunk?: number | undefined;
}

const batchOptionNames = {
  maxTokens: 'max_new_tokens max_length n_predict num_predict',
  temperature: 'temp do_sample',
  topK: true,
  topP: true,
  minP: true,
  repetitionPenalty: 'repeat_penalty',
  repetitionWindow: 'repeat_last_n',
  stop: 'stop_strings stop_sequences stop_words',
  stopIds: 'eos_token_id stop_token_ids eos_ids',
  seed: 'random_seed',
  signal: 'abort_signal',
  chunk: 'batch_size n_batch',
} as const satisfies OptionNames<Omit<GenerateOptions, 'state'>>;

const optionNames: OptionNames<GenerateOptions> = {
  ...batchOptionNames,
  state: 'session cache past_key_values',
};

/**
 * What `model.generate()` says to these options, before there is a model.
 * @throws SsError `generate-option` naming the option and what it may be, `argument-unknown`, `argument-invalid`
 */
export function checkGenerateOptions(options: GenerateOptions): void {
  checkOptions('generate()', options, optionNames);
  withDefaults(options, []);
}

/** As {@link checkGenerateOptions}; several texts continue no state. */
export function checkBatchOptions(options: Omit<GenerateOptions, 'state'>): void {
  checkOptions('generateBatch()', options, batchOptionNames);
}

/** Options with every default in. */
export interface Sampling {
  readonly maxTokens: number;
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
  readonly minP: number;
  readonly repetitionPenalty: number;
  readonly repetitionWindow: number;
  readonly stop: readonly string[];
  readonly stopIds: readonly number[];
  readonly seed: number;
  readonly chunk: number;
}

export const defaultChunk = 256;

const integer = (low: number, high: number): Rule => ({
  wanted: `an integer from ${low}${high === Number.MAX_SAFE_INTEGER ? '' : ` to ${high}`}`,
  ok: (value) => Number.isSafeInteger(value) && value >= low && value <= high,
});
const number = (wanted: string, ok: (value: number) => boolean): Rule => ({
  wanted,
  ok: (value) => Number.isFinite(value) && ok(value),
});

interface Rule {
  readonly wanted: string;
  ok(value: number): boolean;
}

const rules = {
  maxTokens: integer(1, Number.MAX_SAFE_INTEGER),
  temperature: number('a number of at least 0', (v) => v >= 0),
  topK: integer(0, Number.MAX_SAFE_INTEGER),
  topP: number('a number in (0, 1]', (v) => v > 0 && v <= 1),
  minP: number('a number in [0, 1)', (v) => v >= 0 && v < 1),
  repetitionPenalty: number('a number above 0', (v) => v > 0),
  repetitionWindow: integer(1, 65_536),
  seed: integer(0, Number.MAX_SAFE_INTEGER),
  chunk: integer(1, 65_536),
} as const satisfies Record<string, Rule>;

/**
 * @param texts how many are drawn, each with a seed of its own from `seed` on
 * @throws SsError `generate-option` naming the option and what it may be
 */
export function withDefaults(options: GenerateOptions, eosIds: readonly number[], texts = 1): Sampling {
  const sampling: Sampling = {
    maxTokens: options.maxTokens ?? 256,
    temperature: options.temperature ?? 0.8,
    topK: options.topK ?? 0,
    topP: options.topP ?? 0.95,
    minP: options.minP ?? 0,
    repetitionPenalty: options.repetitionPenalty ?? 1,
    repetitionWindow: options.repetitionWindow ?? 64,
    stop: [options.stop ?? []].flat(),
    stopIds: options.stopIds ?? eosIds,
    seed: options.seed ?? Math.floor(Math.random() * 2 ** 32),
    chunk: checkChunk(options.chunk),
  };
  for (const [name, rule] of Object.entries(rules) as [keyof typeof rules, Rule][])
    check(name, sampling[name], rule);
  check('seed', sampling.seed, integer(0, Number.MAX_SAFE_INTEGER - Math.max(0, texts - 1)));
  if (sampling.stop.some((stop) => typeof stop !== 'string' || stop === ''))
    throw invalid('stop', options.stop, 'a text of at least one character');
  if (!sampling.stopIds.every((id) => Number.isSafeInteger(id)))
    throw invalid('stopIds', options.stopIds, 'a list of ids');
  return sampling;
}

/** @throws SsError `generate-option` */
export function checkChunk(chunk: number = defaultChunk): number {
  check('chunk', chunk, rules.chunk);
  return chunk;
}

function check(name: string, value: number, rule: Rule): void {
  if (typeof value !== 'number' || !rule.ok(value)) throw invalid(name, value, rule.wanted);
}

function invalid(name: string, value: unknown, wanted: string): Error {
  return failure('generate-option', `${name} is ${showValue(value)} where ${wanted} is wanted.`, {
    details: { option: name, value },
  });
}
