import { join } from 'node:path';
import { expect } from 'vitest';
import { readJson, ROOT } from '../helpers/repository.ts';

/** The small trained model; programs find it as `model` where they run. */
export const MODEL: string = join(ROOT, 'test/models/tiny-shakespeare');

/** A program of programs/, the packages that it installs, and what its `run()` must answer. */
export interface Program {
  readonly name: string;
  readonly packages: readonly string[];
  readonly answer: unknown;
}

/** What `scanThreeSteps` answers. */
export const scanned = (backend: string): unknown => ({
  backend,
  y: [1, 1 + Math.exp(-1), 1 + Math.exp(-1) + Math.exp(-2)].map((value) => expect.closeTo(value, 5)),
});

const { cases } = readJson<{ cases: { greedy_text: string }[] }>(
  'test/models/tiny-shakespeare/expected.json',
);

export const programs: readonly Program[] = [
  { name: 'core-alone', packages: ['@ss/core'], answer: scanned('reference') },
  { name: 'wasm-scan', packages: ['@ss/core', '@ss/wasm'], answer: scanned('wasm') },
  {
    name: 'generate',
    packages: ['@ss/mamba', '@ss/wasm'],
    answer: { backend: 'wasm', text: cases[0]?.greedy_text },
  },
];
