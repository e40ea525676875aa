export { MambaBlock } from './block.ts';
export { mambaConfig, mambaOptionNames } from './config.ts';
export type { MambaConfig, MambaOptions } from './config.ts';
export { initialBlock, initialValue } from './initial.ts';
export type { InitialOptions } from './initial.ts';
export type { Layer, LayerState } from './layer.ts';
export { MambaMixer } from './mixer.ts';
export { blockParameters, mixerParameters, placeParameter } from './parameters.ts';
export type {
  BlockWeights,
  Kept,
  MixerWeights,
  ParameterSpec,
  ParameterValue,
  WeightDType,
} from './parameters.ts';
export { CounterRandom, philox } from './random.ts';
export {
  assignState,
  clearState,
  cloneState,
  createMixerState,
  disposeState,
  readState,
  writeState,
} from './state.ts';
export type { MixerState } from './state.ts';
