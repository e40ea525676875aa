export { Engine } from './engine.ts';
export type { EngineOptions } from './dispatch.ts';
export { Program } from './program.ts';
export { inferenceOps, opNames, ops } from '../ops/index.ts';
