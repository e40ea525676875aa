import { expect } from 'vitest';

/** A program of programs/, the packages that it installs, and what its `run()` must answer. */
export interface Program {
  readonly name: string;
  readonly packages: readonly string[];
  readonly answer: unknown;
}

const scanned = (backend: string): unknown => ({
  backend,
  y: [1, 1 + Math.exp(-1), 1 + Math.exp(-1) + Math.exp(-2)].map((value) => expect.closeTo(value, 5)),
});

export const programs: readonly Program[] = [
  { name: 'core-alone', packages: ['@ss/core'], answer: scanned('reference') },
  { name: 'wasm-scan', packages: ['@ss/core', '@ss/wasm'], answer: scanned('wasm') },
];
