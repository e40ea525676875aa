import { createRegistry } from '@ss/core';
import { wasm } from '@ss/wasm';
import { scanThreeSteps } from './scan-three-steps.ts';

export const run = (): Promise<unknown> => scanThreeSteps(createRegistry([wasm()]), 'wasm');
