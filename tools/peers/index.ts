import type { Peers } from '@ss/cli/against';
import { measureLimits } from './limits/measure-limits.ts';
import { openLlama } from './llama/open-llama.ts';
import { openScan } from './torch/open-scan.ts';
import { openWllama } from './wllama/open-wllama.ts';

/** The peers of `ss bench --against`. None is installed with the repository; `setup.ts` installs them. */
export const peers: Peers = {
  openScan,
  openModel: (name, request) => (name === 'llama.cpp' ? openLlama(request) : openWllama(request)),
  measureLimits,
};
