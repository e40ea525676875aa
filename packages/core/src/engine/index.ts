export { Engine } from './engine.ts';
export type { EngineOptions } from './engine.ts';
export { Program } from './program.ts';
export { inferenceOps, opNames, ops } from '../ops/index.ts';
