/// <reference lib="esnext.disposable" preserve="true" />

export { assessByParts, missingOps } from './decompose.ts';
export { Engine } from './engine.ts';
export type { EngineOptions } from './dispatch.ts';
export { Program } from './program.ts';
export { exampleCall, inferenceOps, opNames, ops } from '../ops/index.ts';
export { callOf } from '../ops/op.ts';
