import { createRegistry } from '@ss/core';
import { scanThreeSteps } from './scan-three-steps.ts';

export const run = (): Promise<unknown> => scanThreeSteps(createRegistry([]), 'reference');
