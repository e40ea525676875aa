import { checkOptions, encode, SsError, throwIfAborted } from '@ss/core';
import type { OptionNames } from '@ss/core';
import { blockParameters, CounterRandom, initialValue, mambaConfig, mambaOptionNames } from '@ss/mamba-block';
import type { MambaOptions, ParameterSpec, WeightDType } from '@ss/mamba-block';
import { Weights } from './build-model.ts';
import { Fingerprint } from './checkpoint/fingerprint.ts';
import { outerParameters } from './checkpoint/inspect.ts';
import { chooseEngine } from './choose-engine.ts';
import type { EngineChoice } from './choose-engine.ts';
import { pause } from './generate/pause.ts';
import { MambaModel } from './model.ts';
import type { Tokenizer } from './tokenizer/tokenizer.ts';

export interface RandomModelConfig extends MambaOptions {
  readonly layers: number;
  /** Rows of the embedding; all of them mean something. */
  readonly vocabulary: number;
  readonly eosIds?: readonly number[] | undefined;
  /** A head of its own; default false: the head is the embedding */
  readonly untied?: boolean | undefined;
}

export interface RandomModelOptions extends EngineChoice {
  /** Integer in [0, 2^53); default 0. One seed gives the same weights on every backend. */
  readonly seed?: number | undefined;
  /** default f32 */
  readonly weights?: Exclude<WeightDType, 'stored'> | undefined;
  readonly tokenizer?: Tokenizer | undefined;
  readonly signal?: AbortSignal | undefined;
}

const configNames: OptionNames<RandomModelConfig> = {
  ...mambaOptionNames,
  layers: 'n_layer num_hidden_layers',
  vocabulary: 'vocab_size',
  eosIds: 'eos_token_id',
  untied: true,
};
const optionNames: OptionNames<RandomModelOptions> = {
  backend: 'device provider',
  registry: true,
  engine: true,
  seed: 'random_seed',
  weights: 'dtype',
  tokenizer: true,
  signal: true,
};

/** Standard deviation of a new embedding (`_init_weights` of mixer_seq_simple). */
const embeddingDeviation = 0.02;
/** Random numbers of what is outside the layers; layers have the streams from 0 up. */
const outerStreams = 2 ** 31;

/** One weight of a random model. */
export interface RandomParameter {
  /** undefined outside the layers */
  readonly layer: number | undefined;
  readonly spec: ParameterSpec;
  /** Draws it: f32, row-major in the spec's shape, the same at every call. */
  values(): Float32Array;
}

/**
 * The weights that {@link randomModel} gives a model of this config and seed, such as to hand them to another
 * program. Nothing is drawn before a weight's `values()` is called.
 * @throws SsError `config-invalid`
 */
export function randomParameters(config: RandomModelConfig, seed = 0): RandomParameter[] {
  checkOptions('A random model', config, configNames);
  const { layers, vocabulary, eosIds: _, untied = false, ...given } = config;
  for (const [field, value] of Object.entries({ layers, vocabulary })) {
    if (!Number.isSafeInteger(value) || value < 1)
      throw new SsError('config-invalid', `${field} is ${value} where an integer of at least 1 is wanted.`);
  }
  const block = mambaConfig(given);
  const outer = outerParameters(block, vocabulary, untied).map((spec, i) => ({
    layer: undefined,
    spec,
    values: () => outerValue(spec, new CounterRandom(seed, outerStreams + i)),
  }));
  const perLayer = blockParameters(block);
  const ofLayer = (layer: number): RandomParameter[] =>
    perLayer.map((spec, i) => ({
      layer,
      spec,
      values: () => initialValue(spec, block, new CounterRandom(seed, layer * perLayer.length + i), layers),
    }));
  return [...outer, ...Array.from({ length: layers }, (__, layer) => ofLayer(layer)).flat()];
}

/**
 * A model with the official initialisation, to train from or to measure with: the 130m shape is
 * `{ dModel: 768, layers: 24, vocabulary: 50280 }`.
 * @throws SsError `config-invalid`, `backend-unavailable`, `aborted`
 */
export async function randomModel(
  config: RandomModelConfig,
  options: RandomModelOptions = {},
): Promise<MambaModel> {
  checkOptions('A random model', config, configNames);
  checkOptions('randomModel()', options, optionNames);
  const { layers, vocabulary, eosIds = [], untied = false, ...given } = config;
  const { seed = 0, signal, tokenizer } = options;
  const block = mambaConfig(given);
  const parameters = randomParameters(config, seed);
  const { engine, owned } = await chooseEngine(options, signal);
  const weights = new Weights(engine, options.weights ?? 'f32');
  const fingerprint = new Fingerprint();
  const release = async (): Promise<void> => {
    weights.dispose();
    if (owned) await engine.dispose();
  };
  try {
    for (const { layer, spec, values } of parameters) {
      const bytes = encode(values(), 'f32');
      const value = { dtype: 'f32', shape: spec.shape, bytes } as const;
      const seen = fingerprint.begin(`${layer ?? 'outer'}.${spec.name}`, value);
      seen.add(bytes);
      seen.end();
      weights.place(layer, spec, value);
      await pause();
      throwIfAborted(signal, 'making a model');
    }
    const complete = { ...block, layers, rows: vocabulary, vocabulary, tied: !untied, eosIds };
    return new MambaModel(
      { engine, config: complete, fingerprint: fingerprint.hex, tokenizer, ...weights.parts(block) },
      release,
    );
  } catch (error) {
    await release();
    throw error;
  }
}

function outerValue(
  { key, shape }: ReturnType<typeof outerParameters>[number],
  random: CounterRandom,
): Float32Array {
  const values = new Float32Array(shape.reduce((a, b) => a * b, 1));
  switch (key) {
    case 'norm':
      return values.fill(1);
    case 'embedding':
      return values.map(() => embeddingDeviation * random.normal());
    case 'head': {
      const bound = shape[1]! ** -0.5;
      return values.map(() => random.uniform(-bound, bound));
    }
  }
}
