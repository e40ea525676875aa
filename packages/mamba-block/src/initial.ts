import { checkOptions, encode, SsError } from '@ss/core';
import type { Engine, OptionNames } from '@ss/core';
import { MambaBlock } from './block.ts';
import type { MambaConfig } from './config.ts';
import { blockParameters, placeParameter } from './parameters.ts';
import type { BlockWeights, ParameterSpec, WeightDType } from './parameters.ts';
import { CounterRandom } from './random.ts';

export interface InitialOptions {
  /** integer in [0, 2^53); default 0 */
  readonly seed?: number | undefined;
  /** which layer of a model it is: layers of one seed share no numbers; default 0 */
  readonly index?: number | undefined;
  /** how many layers the model has: output projections start smaller by its square root; default 1 */
  readonly layers?: number | undefined;
}

const optionNames: OptionNames<InitialOptions & { weights: WeightDType }> = {
  seed: true,
  index: true,
  layers: true,
  weights: true,
};

const dtMin = 1e-3;
const dtMax = 0.1;
const dtFloor = 1e-4;
/** Streams of random numbers set aside for one layer. */
const streamsPerLayer = 16;

/**
 * One parameter of a block as the official package starts training (`Mamba.__init__` and `_init_weights` of
 * mixer_seq_simple): A_log = log(1..N), D = 1, softplus(dt bias) log-uniform in [1e-3, 0.1],
 * dt weight uniform within R^-0.5, the rest uniform within fan_in^-0.5.
 * @returns f32 values, row-major in the spec's shape
 */
export function initialValue(
  spec: ParameterSpec,
  config: MambaConfig,
  random: CounterRandom,
  layers = 1,
): Float32Array {
  const { shape } = spec;
  const values = new Float32Array(shape.reduce((a, b) => a * b, 1));
  const uniform = (bound: number): Float32Array => values.map(() => random.uniform(-bound, bound));
  switch (spec.key as keyof BlockWeights) {
    case 'inProj':
    case 'xProj':
      return uniform(shape[1]! ** -0.5);
    case 'outProj':
      return uniform((shape[1]! * layers) ** -0.5);
    case 'dtProj':
      return uniform(config.dtRank ** -0.5);
    case 'conv':
    case 'convBias':
      return uniform(config.dConv ** -0.5);
    case 'dtBias':
      return values.map(() => {
        const dt = Math.max(dtFloor, Math.exp(random.uniform(Math.log(dtMin), Math.log(dtMax))));
        // The inverse of softplus.
        return dt + Math.log(-Math.expm1(-dt));
      });
    case 'A':
      return values.map((_, i) => Math.log((i % config.dState) + 1));
    case 'D':
    case 'norm':
      return values.fill(1);
    case 'inProjBias':
    case 'outProjBias':
      return values;
  }
  throw new SsError('config-invalid', `A block has no parameter ${spec.key}.`);
}

/** A block with the official initialisation; the same seed gives the same block on every engine. */
export function initialBlock(
  engine: Engine,
  config: MambaConfig,
  options: InitialOptions & { readonly weights?: WeightDType | undefined } = {},
): MambaBlock {
  checkOptions('initialBlock()', options, optionNames);
  const { seed = 0, index = 0, layers = 1, weights = 'f32' } = options;
  const placed = blockParameters(config).map((spec, i) => {
    const random = new CounterRandom(seed, index * streamsPerLayer + i);
    const bytes = encode(initialValue(spec, config, random, layers), 'f32');
    return [
      spec.key,
      placeParameter(engine, spec, { dtype: 'f32', shape: spec.shape, bytes }, weights),
    ] as const;
  });
  return new MambaBlock(engine, config, Object.fromEntries(placed) as unknown as BlockWeights);
}
