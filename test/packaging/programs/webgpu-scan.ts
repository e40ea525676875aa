import { createRegistry } from '@ss/core';
import { webgpu } from '@ss/webgpu';
import { scanThreeSteps } from './scan-three-steps.ts';

export const run = (): Promise<unknown> => scanThreeSteps(createRegistry([webgpu()]), 'webgpu');
