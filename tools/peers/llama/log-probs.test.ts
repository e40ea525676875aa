import { setupCommand } from '@ss/cli/against';
import { reference } from '@ss/core';
import { wasm } from '@ss/wasm';
import { beforeEach, expect, test } from 'vitest';
import { isInstalled } from '../installed.ts';
import { logProbDifference } from './log-probs.ts';

// The shape of the 130m model takes longer: `node tools/peers/check-130m.ts`.
const config = { dModel: 96, layers: 3, vocabulary: 300 };
const prompts = [[7], [2, 93, 4, 50], Array.from({ length: 70 }, (_, i) => (i * 7919) % 300)];
const registrations = { reference: reference(), wasm: wasm() };

beforeEach(({ skip }) =>
  skip(!isInstalled('node-llama-cpp'), `llama.cpp is not installed: ${setupCommand('llama.cpp')}`),
);

test.each(['reference', 'wasm'] as const)(
  'log-probabilities of %s are those of llama.cpp',
  async (backend) => {
    const asked = { config, weights: 'f32', prompts, backend, backends: [registrations[backend]] } as const;
    expect(await logProbDifference(asked)).toBeLessThan(1e-3);
  },
);
